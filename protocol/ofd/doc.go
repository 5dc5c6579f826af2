// Package ofd computes refs_sm3: what an approval of form "references" is
// bound to. It is a hash over the parts of an OFD file (GB/T 33190-2016) that
// stays the same while the file is stamped, so that custodians approve the
// unsigned file and the daemon finds the same value in the Signature.xml that
// it is asked to stamp (GB/T 33190-2016 clause 18).
//
// The definition is a promise; callers in other languages compute it, ofd.md
// says how:
//
//	refs_sm3 = SM3(line_1 || line_2 || ... || line_n)
//	line     = FileRef SP CheckValue LF
//
//	FileRef     the part's name in the package, UTF-8, from its root:
//	            /Doc_0/Document.xml
//	CheckValue  base64 (RFC 4648 section 4, padded) of SM3 of the part's bytes
//	SP, LF      the bytes 0x20 and 0x0A; LF also ends the last line
//
// The lines are sorted as bytes, not by a locale and not as UTF-16. They are
// of every part but /OFD.xml and those with a directory named Signs anywhere
// above them: stamping rewrites the first and adds the others. At least one
// part is left, or there is no refs_sm3.
//
// FromFile reads the parts from the file, FromSignature the references from
// Signature.xml. The two agree if and only if the signature covers all of
// these parts, as they are in the file, and no other.
//
// Whoever asks for an approval gains if a custodian's viewer, this package and
// the reader of the stamped file see different things in the same bytes. So
// what two programs may read differently is refused here, even where one
// reading is usual.
package ofd
