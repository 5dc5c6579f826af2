# The image: a minimal Debian bookworm, made once for each list of packages.
# shellcheck shell=bash

cache=/var/cache/signet-test
packages=systemd,systemd-sysv,dbus,locales,softhsm2,openssl

# install_tools adds the two Debian packages the harness itself runs on.
install_tools() {
    local missing=()
    command -v debootstrap >/dev/null || missing+=(debootstrap)
    command -v systemd-nspawn >/dev/null || missing+=(systemd-container)
    [[ ${#missing[@]} -eq 0 ]] && return
    echo "# installing ${missing[*]} from Debian"
    apt-get update -q >/dev/null
    DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}" >/dev/null
}

# build_image sets $image. It is made under another name and renamed when it is
# whole, so that an interrupted run leaves nothing to be taken for it; the lock
# lets two runs share the work.
build_image() {
    image=$cache/bookworm-$(sha256sum <<<"$packages" | cut -c 1-12)
    mkdir -p "$cache"
    exec {lock}>"$cache/lock"
    flock "$lock"
    if [[ ! -d $image ]]; then
        echo "# making $image (about a minute, once)"
        rm -rf "$image.part"
        debootstrap --variant=minbase --include="$packages" bookworm "$image.part" \
            "${SIGNET_DEBIAN_MIRROR:-http://deb.debian.org/debian}" >"$cache/debootstrap.log" ||
            die "debootstrap: $(tail -n 3 "$cache/debootstrap.log")"
        # journalctl chooses the catalog's language by the locale, which must exist.
        chroot "$image.part" localedef -i zh_CN -f UTF-8 zh_CN.UTF-8
        rm -rf "$image.part"/var/cache/apt/archives/*.deb
        mv "$image.part" "$image"
    fi
    exec {lock}>&-
}
