package pkcs11

import (
	"fmt"
	"strconv"
	"strings"

	p11 "github.com/miekg/pkcs11"

	"signet/hsm"
)

// A slot is where a token was found. The number is good until the next
// reconnect only: HA modules and hot-plug change it.
type slot struct {
	id    uint
	token p11.TokenInfo
}

// findSlot returns the one slot whose token the URI names.
func (m *module) findSlot(uri hsm.URI) (slot, error) {
	info, err := m.ctx.GetInfo()
	if err != nil {
		return slot{}, called("C_GetInfo", err)
	}
	ids, err := m.ctx.GetSlotList(true)
	if err != nil {
		return slot{}, called("C_GetSlotList", err)
	}
	var found []slot
	var broken error // one bad slot must not hide the others
	for _, id := range ids {
		s, fits, err := m.judgeSlot(uri, info, id)
		if err != nil {
			broken = err
		} else if fits {
			found = append(found, s)
		}
	}
	return one(found, len(ids), uri, broken)
}

func one(found []slot, seen int, uri hsm.URI, broken error) (slot, error) {
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		var names []string
		for _, s := range found {
			names = append(names, fmt.Sprintf("slot %d with serial %s", s.id, trim(s.token.SerialNumber)))
		}
		return slot{}, refuse(hsm.ClassMismatch, "%s names %d tokens (%s): want a URI that names one", uri, len(found), strings.Join(names, ", "))
	case broken != nil:
		return slot{}, broken
	}
	return slot{}, refuse(hsm.ClassAbsent, "no token matches %s among the %d present", uri, seen)
}

func (m *module) judgeSlot(uri hsm.URI, lib p11.Info, id uint) (slot, bool, error) {
	token, err := m.ctx.GetTokenInfo(id)
	if err != nil {
		return slot{}, false, called("C_GetTokenInfo", err)
	}
	if token.Flags&p11.CKF_TOKEN_INITIALIZED == 0 {
		return slot{}, false, nil
	}
	place, err := m.ctx.GetSlotInfo(id)
	if err != nil {
		return slot{}, false, called("C_GetSlotInfo", err)
	}
	return slot{id, token}, fits(uri, lib, place, token, id), nil
}

// fits compares as RFC 7512 2.6 asks: each attribute given equals its member.
func fits(uri hsm.URI, lib p11.Info, place p11.SlotInfo, token p11.TokenInfo, id uint) bool {
	for _, pair := range [][2]string{
		{uri.Token, token.Label},
		{uri.Manufacturer, token.ManufacturerID},
		{uri.Model, token.Model},
		{uri.Serial, token.SerialNumber},
		{uri.SlotID, strconv.FormatUint(uint64(id), 10)},
		{uri.SlotDescription, place.SlotDescription},
		{uri.SlotManufacturer, place.ManufacturerID},
		{uri.LibraryManufacturer, lib.ManufacturerID},
		{uri.LibraryDescription, lib.LibraryDescription},
	} {
		if pair[0] != "" && pair[0] != trim(pair[1]) {
			return false
		}
	}
	return versionFits(uri.LibraryVersion, lib.LibraryVersion)
}

// versionFits: "2" stands for 2.0 (RFC 7512 2.3, pk11-lib-ver).
func versionFits(want string, got p11.Version) bool {
	if want == "" {
		return true
	}
	if !strings.Contains(want, ".") {
		want += ".0"
	}
	return want == version(got)
}

func version(v p11.Version) string { return fmt.Sprintf("%d.%d", v.Major, v.Minor) }
