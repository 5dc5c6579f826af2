// Package systemd is the daemon's side of systemd: the sockets it is given,
// readiness and status, the watchdog's interval, and entries in the journal.
// The units themselves, users, directories and the message catalog lie beside
// it (units/, sysusers.d/, tmpfiles.d/, catalog/) and are held together by its
// tests; test/ boots them in a container.
//
// The journal tells people what happens; it is never the log of record: it may
// drop and rotate, and root may edit it. What each message means and what to do
// about it is in the catalog: journalctl -x -u signetd.
//
// The messages. Ids and names are promises: appended to, never changed.
//
//	99a399cf0e47454d88c66014afb4e08a info     started
//	2ee4d860d71c46a7bca6c78feacdaf8f info     stopping
//	314bafaaabba49d6ab4d5a99cab6984b warning  mode-changed
//	473ac8e5f11a4a7780293a49eaeeed17 critical poisoned
//	6b1590a4978d4d59b9a7ffd037f4911b critical recovery
//	a3c0833938ed492d830b6daa53e5be89 error    store-fault
//	2b5564ff9fe14727bb2c9477b7070c9a notice   token-up
//	c72283548a724d8aba6ba40689fd941b warning  token-down
//	22675642594043ce99128806de292bdf critical pin-latched
//	7fb04db26797410bbcf5f45ac7fbd52c notice   act-applied
//	b85c7c3745d54839a0556d6a06a2b45a warning  act-refused
//	60d049d51bb34ccb84b66cf6c3a0de83 notice   refusals
//	5e65944549774e039e318f1dddb0026b info     uses
//	6a0b016757f04ab5a440e465d442c7af error    clock-trouble
//	0dd6ca83a32e4bf0b9f85327604d2345 warning  config-warning
//	bf76c5b564df490da9898adb3f1ca6f6 warning  entries-dropped
//	da142c7657c742918683f26a48ed117c notice   caller-hung-up
//	b72b320037f44bd4bcb156d8d8be9855 critical bad-signature
//	c1c00a5d25684e72bae51dc5799a02a7 error    internal-error
//	630ea1ff345f43c6b5e3232639dd4021 critical record-unproven
//	0108f5996b8e49c39a884e678f781da6 critical selftest-failed
//	a86652a3454549e981a10c1ec1b38d9e error    cert-revoked
//	da0a22db1d5a459882f46c94c03bf881 warning  backup-cut
//	879bd83b827e4de0b9c9916c36189995 notice   act-waiting
//	db57c2b14d8b478682f90c9eeb8e8020 notice   approval-asked
package systemd
