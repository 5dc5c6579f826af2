package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"time"

	"signet/daemon"
	firmwareconfig "signet/firmware-config"
	"signet/hsm"
	"signet/hsm/pkcs11"
	"signet/systemd"
)

// start opens everything in the order in which it depends on each other and
// serves until ctx ends. What can keep the daemon from running comes before
// the modules: once they are open a login may be under way, and to end then
// would leave its PIN latched.
func start(ctx context.Context, config firmwareconfig.Config, journal *systemd.Journal) error {
	groups, err := resolveGroups(config.Groups)
	if err != nil {
		return environmentError{err}
	}
	if err := checkPINFiles(config); err != nil {
		return environmentError{err}
	}
	trust, err := trustOf(config)
	if err != nil {
		return environmentError{err}
	}
	lock, err := daemon.Claim(config.State, config.Runtime)
	if err != nil {
		return environmentError{err}
	}
	sockets, err := listeners(config.Sockets, groups)
	if err != nil {
		return environmentError{err}
	}
	var server atomic.Pointer[daemon.Server]
	drivers, err := openModules(config, func() {
		if s := server.Load(); s != nil {
			s.TokensChanged()
		}
	})
	if err != nil {
		return environmentError{err}
	}
	o := options(config, groups, drivers, journal)
	o.Lock, o.Trust = lock, trust
	s, err := daemon.New(o)
	if err != nil {
		return environmentError{errors.Join(err, closeAll(drivers))}
	}
	server.Store(s)
	return s.Run(ctx, sockets)
}

func options(config firmwareconfig.Config, groups daemon.Groups, drivers []hsm.Driver, journal *systemd.Journal) daemon.Options {
	return daemon.Options{
		Name: config.Appliance, State: config.State, Runtime: config.Runtime, MaxSize: config.Store.MaxSize,
		AnchorEach: config.Log.AnchorEvery, LogToken: config.Log.Token, SelfTest: selfTestEach, Groups: groups, Drivers: drivers, Journal: journal,
		Limits: daemon.Limits{
			Connections: config.Limits.Connections, ConnectionsPerUID: config.Limits.ConnectionsPerUID,
			Frame: int(config.Limits.Frame), Batch: config.Limits.Batch, QueuePerUID: config.Limits.QueuePerUID,
			Deadline: config.Limits.Deadline, Idle: config.Limits.Idle,
		},
		Sources: daemon.SystemSources(), Version: buildVersion(),
	}
}

// selfTestEach is how often what is in use is tested, beside each start.
const selfTestEach = 24 * time.Hour

func closeAll(drivers []hsm.Driver) error {
	var errs []error
	for _, d := range drivers {
		errs = append(errs, d.Close())
	}
	return errors.Join(errs...)
}

func resolveGroups(g firmwareconfig.Groups) (daemon.Groups, error) {
	var out daemon.Groups
	var errs []error
	for _, role := range []struct {
		group firmwareconfig.Group
		gid   *uint32
	}{{g.Clients, &out.Clients}, {g.Admin, &out.Admin}, {g.Audit, &out.Audit}} {
		gid, err := gidOf(role.group)
		*role.gid = gid
		errs = append(errs, err)
	}
	return out, errors.Join(errs...)
}

func gidOf(g firmwareconfig.Group) (uint32, error) {
	if g.Name == "" {
		return g.GID, nil
	}
	found, err := user.LookupGroup(g.Name)
	if err != nil {
		return 0, fmt.Errorf("group %s of signetd.toml: %w", g.Name, err)
	}
	gid, err := strconv.ParseUint(found.Gid, 10, 32)
	if err != nil {
		return 0, fmt.Errorf("group %s: %w", g.Name, err)
	}
	return uint32(gid), nil
}

// listeners takes the sockets from systemd, or makes them.
func listeners(paths firmwareconfig.Sockets, groups daemon.Groups) (daemon.Sockets, error) {
	given, err := systemd.Listeners()
	if err != nil {
		return daemon.Sockets{}, err
	}
	if given != nil {
		return daemon.Sockets{Sign: given[systemd.SocketSign], Admin: given[systemd.SocketAdmin], Audit: given[systemd.SocketAudit]}, nil
	}
	return daemon.Listen(
		daemon.SocketPath{Path: paths.Sign, GID: groups.Clients},
		daemon.SocketPath{Path: paths.Admin, GID: groups.Admin},
		daemon.SocketPath{Path: paths.Audit, GID: groups.Audit})
}

// checkModules reads what the configuration names: profiles and URIs. All
// faults at once.
func checkModules(config firmwareconfig.Config) error {
	var errs []error
	for _, m := range config.Modules {
		_, err := moduleConfig(m, "", nil)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func openModules(config firmwareconfig.Config, changed func()) ([]hsm.Driver, error) {
	latches := filepath.Join(config.State, "pin-latch")
	if err := os.MkdirAll(latches, 0o700); err != nil {
		return nil, fmt.Errorf("making the directory of PIN latches: %w", err)
	}
	var drivers []hsm.Driver
	for _, m := range config.Modules {
		c, err := moduleConfig(m, latches, changed)
		if err == nil {
			var d *pkcs11.Driver
			if d, err = pkcs11.Open(c); err == nil {
				drivers = append(drivers, measured(d))
				continue
			}
		}
		return nil, errors.Join(err, closeAll(drivers))
	}
	return drivers, nil
}

func moduleConfig(m firmwareconfig.Module, latches string, changed func()) (pkcs11.Config, error) {
	text, err := firmwareconfig.Profile(m.Profile)
	if err != nil {
		return pkcs11.Config{}, fmt.Errorf("module.%s.profile: %w", m.Name, err)
	}
	profile, err := hsm.ParseProfile(bytes.NewReader(text))
	if err != nil {
		return pkcs11.Config{}, fmt.Errorf("module.%s.profile %s:\n%w", m.Name, m.Profile, err)
	}
	c := pkcs11.Config{Name: m.Name, Path: m.Path, SHA256: m.SHA256, Env: m.Env, Profile: profile, LatchDir: latches, Changed: changed}
	var errs []error
	for _, t := range m.Tokens {
		uri, err := hsm.ParseURI(t.URI)
		if err != nil {
			errs = append(errs, fmt.Errorf("module.%s.token.%s.uri: %w", m.Name, t.Name, err))
		}
		c.Tokens = append(c.Tokens, pkcs11.Token{Name: t.Name, URI: uri, PIN: pinReader(t), Sessions: t.Sessions})
	}
	return c, errors.Join(errs...)
}
