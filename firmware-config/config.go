// Package firmwareconfig reads signetd.toml, the configuration of an
// appliance, and holds the profiles of crypto modules that come with signet.
//
// The comments of Config and its parts are the manual of the file: what a key
// means, its unit, its default. A key without a default must be set.
package firmwareconfig

import (
	"fmt"
	"time"
)

// Config is a configuration that was checked. It has no secret: PINs are
// named, never held.
type Config struct {
	// Appliance is the name under which this appliance signs its log:
	// a DNS name in lower case, such as "seal-a.example.gov.cn". It stays the
	// same for the appliance's life.
	Appliance string

	// State is the directory of the store: absolute, on a disk that keeps what
	// it has synced. Default "/var/lib/signet".
	State string

	// Runtime is the directory of marks that must outlive the process and not
	// a reboot: absolute, on a tmpfs, neither inside State nor around it.
	// Default "/run/signet/state".
	Runtime string

	Sockets Sockets
	Groups  Groups
	Limits  Limits
	Log     Log
	Store   Store

	// Modules are the [module.NAME] tables, in the order of the file; at
	// least one.
	Modules []Module

	// Trust are the [trust.NAME] tables, in the order of the file. Default
	// none: no certificate is then accepted, and keys are used without.
	Trust []Trust
}

// Sockets, [sockets], are where the daemon listens if systemd does not hand
// it the sockets. Absolute paths, below 104 bytes (sockaddr_un has room for
// 108), in three directories, so that each directory can have its own group.
type Sockets struct {
	Sign  string // default "/run/signet/sign/sign.sock"
	Admin string // default "/run/signet/admin/admin.sock"
	Audit string // default "/run/signet/audit/audit.sock"
}

// Groups, [groups], are the groups whose members may connect. The daemon
// checks its peers against them, also on sockets that systemd made. Each is a
// name or a numeric gid; three different ones.
type Groups struct {
	Clients Group // of the sign socket; default "signet-clients"
	Admin   Group // of the admin socket; default "signet-admin"
	Audit   Group // of the audit socket; default "signet-audit"
}

// A Group is a group by its name, or by GID where Name is "". The zero value
// is no group: gid 0 cannot be configured.
type Group struct {
	Name string
	GID  uint32
}

func (g Group) String() string {
	if g.Name != "" {
		return g.Name
	}
	return fmt.Sprint(g.GID)
}

// Limits, [limits], bound what callers can take.
type Limits struct {
	// Connections of all callers; 1 to 3072, since the unit file grants 4,096
	// open files. Admin and audit socket have places of their own beside them,
	// 64 each and 32 of one user. A process with too few descriptors takes
	// fewer callers, and says so. Default 1024.
	Connections int

	// ConnectionsPerUID, of one caller; at most Connections. Default 256, or
	// Connections if that is less.
	ConnectionsPerUID int

	// Frame is the longest request, in bytes, but for methods that carry a
	// document's structure, which have 1 MiB. "4KiB" to "64KiB", default "64KiB".
	Frame int64

	// Batch is the most items in one request, whatever a policy says; 1 to
	// 256. Default 256.
	Batch int

	// QueuePerUID is how many requests of one caller wait for the signer; one
	// more is told to come back. 1 to 4096, default 64.
	QueuePerUID int

	// Deadline of a request that states none. "100ms" to "5m", default "10s".
	Deadline time.Duration

	// Idle is how long a connection may be silent. "1s" to "1h", default "60s".
	Idle time.Duration
}

// Log, [log], names the key that signs the log's checkpoints. Optional: the
// zero Module means that there is none, and checkpoints are not signed.
//
// Checkpoints are not built: in this version Module, Token, Label and
// Checkpoint are read and checked, and have no effect.
type Log struct {
	Module string // a declared module
	Token  string // a token of that module
	Label  string // CKA_LABEL of the key, 1 to 64 bytes

	// Checkpoint is how often a changed log is signed. "100ms" to "1m",
	// default "1s". No effect in this version.
	Checkpoint time.Duration

	// AnchorEvery is how often a log that grew is anchored. "1m" to "24h",
	// default "10m". In this version the anchor is the marker file in State;
	// the one in the token is not built.
	AnchorEvery time.Duration
}

// Store, [store], bounds the database file, in bytes. Soft < Hard < MaxSize.
//
// Watermarks and ballast are not built: in this version Soft, Hard and Ballast
// are read and checked, and have no effect. Only MaxSize holds.
type Store struct {
	// MaxSize is the length that the file never exceeds: less than the file
	// system has. "64KiB" to "16TiB", default "8GiB". What finds no room there
	// is refused, acts of officers included.
	MaxSize int64

	// Soft is where health begins to warn. Default three quarters of MaxSize.
	// No effect in this version.
	Soft int64

	// Hard is where uses are refused and only what officers do is recorded.
	// Default seven eighths of MaxSize. No effect in this version.
	Hard int64

	// Ballast is kept free of uses for refusals and the events of officers,
	// so that a full disk can be mended. "64KiB" to "16GiB", default "64MiB".
	// No effect in this version.
	Ballast int64
}

// A Module, [module.NAME], is a PKCS#11 library and the tokens that it leads
// to. NAME is 1 to 32 of a-z, 0-9 and -.
type Module struct {
	Name string

	// Driver is "pkcs11".
	Driver string

	// Path of the library, absolute. Whoever can write that file can run code
	// where the PIN is.
	Path string

	// SHA256 of the library in 64 hex digits, in lower case here. Default "",
	// any file: status and journal then say that the module is not pinned.
	SHA256 string

	// Env is the library's environment: names of A-Z, 0-9 and _, values up to
	// 1,024 bytes. Variables that load other code (LD_...), that systemd sets
	// for the daemon, or that name a PIN are refused. Default none.
	Env map[string]string

	// Profile says how the library does SM2: a name of Profiles, or the
	// absolute path of a file in the format of hsm/profile.md.
	Profile string

	// Processes that load the library; 1 to 16, default 1. More than one only
	// if the vendor allows it. No effect in this version, which loads it in the
	// daemon's own process.
	Processes int

	// Tokens are the [module.NAME.token.NAME] tables, in the order of the
	// file; at least one.
	Tokens []Token
}

// A Token is one token of a module. Its name is unique in the appliance and
// stands in the log: 1 to 32 of a-z, 0-9 and -.
type Token struct {
	Name string

	// URI finds the token, RFC 7512: "pkcs11:token=seals;serial=0123". One
	// that carries a PIN, or says where to find one, is refused.
	URI string

	// PINCredential is the name of the systemd credential that is the user
	// PIN: LoadCredentialEncrypted= in a drop-in of the unit. 1 to 64 of A-Z,
	// a-z, 0-9, ., _ and -. Set this or PINFile.
	PINCredential string

	// PINFile is the absolute path of a file that is the user PIN, for a run
	// without systemd. The daemon refuses one that others can read.
	PINFile string

	// Sessions that sign at the same time; 1 to 64, default 8.
	Sessions int
}

// A Trust, [trust.NAME], is a CA that the certificates of entries may lead to:
// a root, or a CA beneath one that alone is trusted. NAME is 1 to 32 of a-z,
// 0-9 and -. A certificate is accepted if its CA is trusted now and was when it
// issued. Taking a CA out refuses new certificates; what was accepted stays in
// use until its own end, or until an officer suspends the entry.
type Trust struct {
	Name string

	// Certificate is the absolute path of the CA's certificate, PEM or DER.
	// Whoever can write that file decides who may certify seals: it is refused
	// as this file would be.
	Certificate string

	// Kind says by what right the CA issues: "egov" (电子政务电子认证服务机构),
	// "licensed" (依法设立的电子认证服务机构) or "internal" (the owner's own CA).
	Kind string

	// Licence is the number of the CA's licence, up to 128 characters. It
	// stands in the record of each certificate. Only "internal" may be without.
	Licence string

	// From and Until bound when the CA is trusted to issue: instants with
	// their offset, From inside, Until outside. Default of Until: no end.
	From, Until time.Time

	// Data is what Load read at Certificate; nil from Parse.
	Data []byte
}
