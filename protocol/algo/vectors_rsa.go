package algo

// Signatures by OpenSSL 3.0 with an RSA key of 2048 bits that was thrown away:
//
//	openssl dgst -shaN -sign KEY
//	openssl dgst -shaN -sign KEY -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest -sigopt rsa_mgf1_md:shaN
//
// OpenSSL, because it shares no code with what is tested.
const opensslMessage = "signet: this text was signed by openssl, not by Go\n"

const (
	rsaPublicKey = "" +
		"MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAq32s2ag7kdWD00Jo98KfwDyTlkiznLct" +
		"HgIB8+5h8JmBLCTJ84pEL/ua/i95NTscQ/vKgBhmLh7ypzTmCyTGgOAqOoJE6NMGCnHIyUUN/Drh" +
		"pvG9hKEH//2Ib7oVqLW2q9jIesrpiISUIRGFRR5t4IUtlymxMKUyjLlztuWdJpIToS3ibjvKIPvt" +
		"YcwdFyHt1EJZ4xE1GdKbUC5DulpLMBjr0k5IIGTlQ1Xj4BM8PRqJIE7jH+TxRQCH94+Ob2kLPn/E" +
		"/vdcbdPxNZQFayRKYwf+lLLZ0rd1Bo2UrwjZm/yvCCbH5vIc5IFk3uofC9jI8JlL5/rUkdQF4TvO" +
		"kgwC1wIDAQAB"

	rsaPKCS1SHA256 = "" +
		"eYIfVqqITdtDHCnP09JyfhpmmVM29hFHQgeWf6O9epii6b1Yl17keobZNS4GihKjYww4Mjj8eMQj" +
		"o0ip3oShMqlsbZThXm30q3voTpEisrkGznND+DWiI2bTdBoumu99Cb7HEgDKxcusA1HLT3EBjePf" +
		"wSRon8NlBj6pTKhTmpZW7BuXLMvN8v/uSGjJy+7kSb3qlE2J6T4kMj6kMyTjdtWbiuwI+TVC2r2T" +
		"+32yngyRSJ03iebLfTGQZc1ht5OtVn9Izok1OrhJAMzci+hluZr1JrzyQ1J5+yhuLeHBUE6xZ7b8" +
		"w0qUyRIuW1jDKcgeD7Tlk/OiZYDmVGEoM2v4Fw=="

	rsaPKCS1SHA384 = "" +
		"MrNHbBqHAjdxqz0Ed9PEwMJ+N0xJoZMg8odeiKTY5uq+Vf77eVhrThDk3SUT3l7Cw1QoECiMfJth" +
		"6js2hW+YmlGCOebENAPNXLUHbUG97pdF7PCg89UJTVDUsUMNZlkNMUNTV3260aEqsERGeZ+XIVIM" +
		"W6yqm7oYW8q6jpVjPFGzU5a2U4IdMvntgMmgWF+irKa8oLiLb+PtwOvDODdSEJv4AAkePc9lUYoK" +
		"mHhIE3AGrR8dcLvA5ccu53I+NjH6JxzJD7SCyB3wg4ZUy7lalx55NSwoniZiQCuv7tKtEDn0UP6a" +
		"LG1A6KLuOAMuuB0utKjgIiyCiT71gB+kIoNFjQ=="

	rsaPKCS1SHA512 = "" +
		"m2prjm6uPCiwH1Es6ZI1BXBkY11TxsTDNC7DDzr4x4UPg6f5xrfd0rRrcyWNEhtXBPqgOMT++Iez" +
		"etcRERzCRu9jqhJBBreWNL6IngPQrz8CyFD461pNMPGaBE7qDghy8tkRDNE1OwTX3Q+rjyOmrCug" +
		"GeF90Y9+6dSZmX9Pf9clG1Bk7u9RcycKVBlLs1eDjb4KXZmj5ey0Oxv3kuSfKUrh82C5/+xLVMDg" +
		"PFgDJGDwDHG9eXhBPfJube80wLcaSf1ngye5NFTAU8TJEA3O2oplBrGUPYiznH9cDTxTcYv3mpQ0" +
		"Od6fXXKzewmjavknaOziGMBXTgmYf3m/D3azew=="

	rsaPSSSHA256 = "" +
		"SWZdvXEJQERIjnwx1wQpDlF62dk3yUix4xfm9URlLn+gAdBAbeYpdFPd6BIuUW/NqOe/DGHosfen" +
		"KBVHxredmgC8Ebnr/S1tu1yRNFQOQwpOQEBZ7ULImxFEN2wcFdsiOtw8R+NwGKRP3R5HCtTT97wB" +
		"kxvdIPaJ3Z1P5M5DVxEVfF0DArDN7BPpuIogMupYkkIDIY8IKucEAHvUpqVldFv1i0rAZHt9CO/w" +
		"GVWRE71wdqiTyWsWpXUc1hKKbbn2Id/bAYwUNKrGsX2nV0JCISptRWJHqgvG4hrAGILIJ45fbP4J" +
		"FLSO0+lMhfHTOga/BKQfv1fSE873XNA2hHriWQ=="

	rsaPSSSHA384 = "" +
		"GclsY0LcI7CgsFHNmm6EkJ/NasZ8jGLt5q3vPo3B4Fk+r5jY1nYTIHQKpRrgjmIWeNzwfjFj/31M" +
		"biouD18skaEUpiV3oCPtp8qFmkBEca3eKns2n/u1eJy5fmAYSwrZy9iEgySNhZQZfnwBkeKG2Q/C" +
		"V6j8hTFj0dxf8l/F2t8PZSqitZR+TkgJSVJmSlJQyPnWxgGopjz5x+GsEj8ACKFVPEbCK5tOsqPR" +
		"LbpxHAsrs1pH+g38JVhB75n0aU70XnpgKJSwjTfOFylew1ikZOX5+BMYAslxo7gf74k/sUZsQPSy" +
		"MGezAILlLTNMCyRHkm/psXWBbe7eEpeG4lCchA=="

	rsaPSSSHA512 = "" +
		"lRCkL0pNXUqPjp2/aHOOGIiGxKMda+dxK+ZGxcEbML+cmUOtlGiSpkKs5DGOK1QA3y6t4WCLF/hc" +
		"iS5J22SNHPbXK4exBb94q9jRDrqBmkX8bHwiaEU3tPckNvOZVcvtUPkg8IVDXQAX4ENUA4Ro01oL" +
		"sCleTYjWS6jEai/Cio6w9BFE33/U6Sp0kP0O08H8GO7FtbFq2J1fD2BEt65QQ+bpztldkB2KTbfB" +
		"TWSV+mj6CaEKWJlEIMjC0YXu/0E10iiQ+3lCANn7GNri3wGI5TN9dQO1MTuFAPTl8iNL8EcJ9zVK" +
		"tAQH/lWBhbQJ4j0v5RxXU4E4KLf8oByG6T1FYw=="
)
