//go:build man

package main

// Headings of manual pages, as man-pages(7) and its Chinese translation have
// them: apropos(1) finds the name below its heading.
var (
	manName          = text{"NAME", "名称"}
	manSynopsis      = text{"SYNOPSIS", "概要"}
	manDescription   = text{"DESCRIPTION", "描述"}
	manVerbs         = text{"VERBS", "命令"}
	manOptions       = text{"OPTIONS", "选项"}
	manCommonOptions = text{"OPTIONS OF EVERY VERB", "通用选项"}
	manExamples      = text{"EXAMPLES", "示例"}
	manSeeAlso       = text{"SEE ALSO", "参见"}
)
