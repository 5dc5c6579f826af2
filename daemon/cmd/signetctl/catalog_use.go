package main

import "signet/policy"

// The words of policies as they are tried and compared, and of approvals; see
// catalog.go.

// Help of the verbs of this file.
var (
	helpPolicyTest = help{
		text{"say what would be decided about a use, rule by rule", "逐条规则说明某次用印会如何判定"},
		text{`Nothing is used, counted or recorded by it: signetd asks the rules that every request meets, with the counts as they are now, and each says pass or refuses and what it compared. The first that refuses is the answer a caller would get. With FILE a policy is tried that is not set yet.

What is not said is the first that the policy allows: caller, operation, algorithm, purpose, version, container. TIME is RFC 3339, or like "2026-11-22 08:00" by the clock of the policy's zone. Whether an approval fits the document is taken as yes.

Status 0 allowed, 3 refused for good, 4 refused but for a time or an approval. For group signet-admin.`,
			`不会真正用印，也不计数、不记录：signetd 用每次请求都要经过的规则和当前计数来判定，每条规则给出通过或拒绝以及所比较的内容。第一条拒绝的规则就是应用系统会得到的应答。带 FILE 时测试尚未设置的用印策略。

未给出的选项取策略所允许的第一项：应用系统账户、操作、算法、用途、版本、文档格式。TIME 为 RFC 3339 时间，或按策略所用时区书写，如 "2026-11-22 08:00"。用印授权与文件是否相符按相符处理。

退出状态：0 允许，3 拒绝且不必重试，4 因时间或用印授权而拒绝。仅限 signet-admin 组。`},
		"signetctl policy test contract --caller oa --at \"2026-11-22 08:00\"\nsignetctl policy test contract new.toml --caller 20001 --purpose contract --carries doc_id,user_id\nsignetctl policy test contract --json | jq '.rules[] | select(.pass | not)'",
	}
	helpPolicyDiff = help{
		text{"what a policy would widen and narrow", "比较用印策略：放宽和收紧了什么"},
		text{`Compares the policy of an entry, or that of a file, with a file's: key by key, what widens first. What cannot be shown to narrow widens. Below stands the act that it takes: one that only narrows is signed by one person, any other by as many as the threshold asks for. A file of the entry's name comes before the entry.`,
			`将条目的用印策略或某文件中的策略与另一文件逐项比较，放宽的列在前面；不能证明是收紧的即视为放宽。其下给出所需的管理指令：只收紧的由一人签名，其余按门限人数签名。有同名文件时以文件为准。`},
		"signetctl policy diff contract new.toml\nsignetctl policy diff old.toml new.toml\nsignetctl policy diff contract new.toml --json | jq -r .kind",
	}
	helpApproval = help{
		text{"approvals of uses by custodians", "印章保管人的用印授权"},
		text{`Where a policy asks for approvals, a caller asks for one on behalf of a person and says what it is for. Custodians see that, hold the file against it, and grant or deny it by an act. Each use that is signed under it is counted; it ends with its time or its uses, or when it is revoked.`,
			`用印策略要求用印授权时，应用系统代申请人提出请求并说明用途。印章保管人查看请求，与文件核对，然后以管理指令给予或拒绝。在授权之下的每次签名都计数；到期、用完或被撤回时终止。`},
		"signetctl approval list --state pending",
	}
	helpApprovalRequest = help{
		text{"ask custodians to approve uses of an entry", "向印章保管人申请用印授权"},
		text{`For callers. One of these binds it: --file to a document, by SM3 of the file before it is signed; --ofd to the parts that a signature of an OFD covers; --digest-of to the very values that the key is to sign; --count alone to nothing, so that any use counts. With --file and --ofd, --count says how often.

Files are not sent. Purpose, justification and who asks are kept for ever in clear: no secrets. Times are RFC 3339, or like "2026-11-22 08:00" by this machine's clock; without --until and --for it runs as long as the policy lets it, at most a day.`,
			`供应用系统使用。以下之一确定授权绑定的内容：--file 绑定一个文件（签名之前的 SM3）；--ofd 绑定 OFD 签名所保护的各部分；--digest-of 绑定密钥将要签的值；单独使用 --count 则不绑定文件，任何用印都计数。--file 和 --ofd 可用 --count 给出次数。

文件本身不会发送。用途、理由和申请人以明文永久保存：请勿包含秘密。时间为 RFC 3339，或按本机时钟书写，如 "2026-11-22 08:00"；不带 --until 和 --for 时按策略允许的最长时间，至多一天。`},
		"signetctl approval request contract --purpose contract --user-id zhang --justification \"purchase 2026-17\" --file contract.pdf\nsignetctl approval request contract --purpose invoice --user-id batch-robot --justification \"monthly run\" --count 500 --for 8h",
	}
	helpApprovalList = help{
		text{"list what was asked for, and what became of it", "列出用印授权请求及其结果"},
		text{"Those that run, the soonest to end first, at most 1000; the log has all, and approval show finds those that are used up or ended long ago. States: pending, granted, denied, revoked, expired; grants and uses stand as 1/2: so many of so many. For officers, known by the uid of their record; a custodian sees those of what he keeps. A caller asks for his own by approval show ID.", "列出有效期内的授权，先到期的在前，至多 1000 条；全部见审计日志，已用完或早已结束的可用 approval show 查询。状态：pending 待决定，granted 已授权，denied 已拒绝，revoked 已撤回，expired 已过期；授权人数和次数写作 1/2，即共 2 已有 1。仅限管理人员（以其登记的 uid 识别）；印章保管人只能看到其保管条目的授权。应用系统用 approval show ID 查询自己的申请。"},
		"signetctl approval list --state pending\nsignetctl approval list --entry contract --json | jq -r '.approvals[].id'",
	}
	helpApprovalShow = help{
		text{"show a request, and hold files against it", "显示用印授权请求并与文件核对"},
		text{`What was asked for is read from the content whose SM3 the acts name, and whatever signetd tells otherwise is refused (status 8). State, uses and who decided are signetd's word.

With --file the document that you have is held against it: MATCH, or NO MATCH with status 8. Of an OFD, signed or not, the parts are compared; with two files, one of which matches, those that differ are named. Of digests each file must be one.

A caller, who may not read this, is shown the state of what he asked for.`,
			`请求内容取自管理指令所列 SM3 对应的原文；signetd 的说法与之不同则拒绝显示（退出状态 8）。状态、次数和决定者为 signetd 所述。

使用 --file 时将您手中的文件与请求核对：相符，或不相符（退出状态 8）。对 OFD（无论是否已签）比较其各部分；给出两个文件且其一相符时，列出不同的部分。对摘要则每个文件都须对应其中之一。

应用系统无权查看时，显示其所提请求的状态。`},
		"signetctl approval show 3f9a02c1d4e5f607 --file contract.pdf\nsignetctl approval show 3f9a02c1d4e5f607 --ofd mine.ofd --ofd theirs.ofd",
	}
	helpApprovalGrant = help{
		text{"grant an approval", "给予用印授权"},
		text{`An act, signed as any other; the request is shown before the signature. With --file nothing is signed if the file is not the one that was asked for. A grant can allow fewer uses or an earlier end, never more. Where the policy asks for several persons each grants by himself.

Custodians of the entry grant; security officers do where it has none. Where the policy lists who counts, a grant by anybody else is refused, and so is one by the account that asked.`,
			`这是一条管理指令，签名方式与其他指令相同；签名前显示请求内容。使用 --file 时，文件与请求不符则不签名。可以给予更少的次数或更早的截止时间，不能更多。策略要求多人时，每人各自给予。

由条目的印章保管人给予；没有印章保管人的条目由安全管理员给予。策略列出可授权人员时，其他人的授权会被拒绝；提出申请的账户也不能自己给予。`},
		"signetctl approval grant 3f9a02c1d4e5f607 --file contract.pdf --sign ~/.ssh/signet\nsignetctl approval grant 3f9a02c1d4e5f607 --count 100 --until \"2026-11-22 18:00\" --agent",
	}
	helpApprovalDeny = help{
		text{"deny what was asked for", "拒绝用印授权请求"},
		text{"For a request that is not granted yet. The caller reads the reason.", "用于尚未授权的请求。应用系统可以看到理由。"},
		"signetctl approval deny 3f9a02c1d4e5f607 --why \"the file is not the draft of 2026-11-20\" --sign ~/.ssh/signet",
	}
	helpApprovalRevoke = help{
		text{"end an approval, granted or not yet", "撤回用印授权，无论是否已给予"},
		text{"When the answer comes nothing more is signed under it, and no signature that was made under it leaves any more. One that is pending ends, too, and cannot be granted. A security officer or the custodian can do it.", "命令返回时即不再依此签名，已据此作出而尚未送出的签名也不再送出。待决定的请求同样终止，不能再给予。安全管理员或印章保管人均可执行。"},
		"signetctl approval revoke 3f9a02c1d4e5f607 --why \"the contract was withdrawn\" --sign ~/.ssh/signet",
	}
)

// Flags. The word in backquotes names the value.
var (
	flagNobody       = text{"the policy is meant to allow nobody", "此策略意在不允许任何人"}
	flagWide         = text{"make an act that widens, whatever the policy does: it takes more persons", "无论策略内容如何都按放宽处理：须由更多人签名"}
	flagCaller       = text{"`NAME` or uid of the account that asks (default: the first user of the policy)", "提出请求的账户名或 uid `NAME`（默认：策略中的第一个用户）"}
	flagAt           = text{"`TIME` of the use, RFC 3339 or like \"2026-11-22 08:00\" in the policy's zone (default: now)", "用印时间 `TIME`：RFC 3339，或按策略时区书写，如 \"2026-11-22 08:00\"（默认：当前）"}
	flagOperation    = text{"`NAME` of the operation", "操作 `NAME`"}
	flagTryAlgorithm = text{"`NAME` of the algorithm", "算法 `NAME`"}
	flagTryPurpose   = text{"`PURPOSE` that the request states", "请求所述用途 `PURPOSE`"}
	flagSealVersion  = text{"`VERSION` of the stamp data: v4 or v5", "签章数据版本 `VERSION`：v4 或 v5"}
	flagContainer    = text{"`NAME` of what is stamped: ofd, pdf, xml or detached", "文档格式 `NAME`：ofd、pdf、xml 或 detached"}
	flagCarries      = text{"`FIELDS` that the request carries, like doc_id,user_id", "请求所带的字段 `FIELDS`，如 doc_id,user_id"}
	flagBatch        = text{"`N` items in one request", "一次请求的项目数 `N`"}
	flagTryApproval  = text{"`ID` of the approval that the request names", "请求所用的用印授权 `ID`"}

	flagApproval      = text{"`ID` of the approval that this uses (signetctl approval request)", "所用的用印授权 `ID`（见 signetctl approval request）"}
	flagApprovalEntry = text{"only those of this `ENTRY`", "只列出此条目 `ENTRY` 的授权"}
	flagState         = text{"only those in this `STATE`: pending, granted, denied, revoked or expired", "只列出此状态 `STATE`：pending、granted、denied、revoked 或 expired"}
	flagEvidence      = text{"the `FILE` that you have: is it what was asked for? May be repeated", "您手中的文件 `FILE`：是否与请求相符；可重复"}
	flagEvidenceOFD   = text{"the OFD `FILE` that you have, signed or not; may be repeated", "您手中的 OFD 文件 `FILE`，无论是否已签；可重复"}
	flagGrantCount    = text{"allow only `N` uses (default: as many as were asked for)", "只允许 `N` 次（默认：与请求相同）"}
	flagGrantUntil    = text{"last instant, `TIME`, earlier than asked for: RFC 3339 or like \"2026-11-22 18:00\" by this machine's clock", "提前的截止时间 `TIME`：RFC 3339，或按本机时钟书写，如 \"2026-11-22 18:00\""}
	flagWhyApproval   = text{"reason, as `TEXT`, required: the caller reads it, and it stands in the log for ever", "理由 `TEXT`，必填：应用系统可见，并永久保存在日志中"}

	flagAskPurpose      = text{"`PURPOSE` of the uses, required", "用途 `PURPOSE`，必填"}
	flagJustification   = text{"why, as `TEXT`, required: custodians read it", "理由 `TEXT`，必填：供印章保管人查看"}
	flagAskUserID       = text{"`ID` of the person, or the automatic system, on whose behalf, required", "用印申请人或自动系统的标识 `ID`，必填"}
	flagAskDept         = text{"`TEXT` naming the department", "部门 `TEXT`"}
	flagAskDocID        = text{"`ID` of the document in its system", "文件在应用系统中的标识 `ID`"}
	flagAskDocNo        = text{"`NUMBER` that the document bears", "文件编号 `NUMBER`"}
	flagAskPages        = text{"`NUMBER` of its pages", "文件页数 `NUMBER`"}
	flagAskFile         = text{"bind it to this document, a `FILE`", "绑定此文件 `FILE`"}
	flagAskOFD          = text{"bind it to the parts of this OFD `FILE`", "绑定此 OFD 文件 `FILE` 的各部分"}
	flagDigestOf        = text{"bind it to what the key will sign of this `FILE`; may be repeated", "绑定密钥对此文件 `FILE` 将要签的值；可重复"}
	flagDigestAlgorithm = text{"`NAME` of the algorithm for --digest-of; needed where the entry has several", "--digest-of 所用算法 `NAME`；条目有多个算法时必填"}
	flagAskCount        = text{"for `N` uses (default 1)", "次数 `N`（默认 1）"}
	flagAskFrom         = text{"first instant, `TIME` (default: now)", "起始时间 `TIME`（默认：当前）"}
	flagAskUntil        = text{"last instant, `TIME`", "截止时间 `TIME`"}
	flagAskFor          = text{"`DURATION` instead of --until, like 8h", "以时长 `DURATION` 代替 --until，如 8h"}
)

// Headings of tables, names in lists.
var (
	headRule      = text{"rule", "规则"}
	headNumbers   = text{"what was compared", "所比较的内容"}
	headDirection = text{"change", "变更"}
	headKey       = text{"key", "键"}
	headOld       = text{"before", "原值"}
	headNew       = text{"after", "新值"}
	headChanges   = text{"what it changes of the policy in force", "相对于现行用印策略的变更"}
	headAsked     = text{"what was asked for", "请求内容"}
	headForm      = text{"bound to", "绑定"}
	headGrants    = text{"grants", "授权人数"}
	headUses      = text{"used", "已用"}
	headUntil     = text{"until", "截止"}
	headComputed  = text{"computed of it", "由其算得"}

	labelTime        = text{"time", "时间"}
	labelCaller      = text{"caller", "应用系统账户"}
	labelOperation   = text{"operation", "操作"}
	labelPurpose     = text{"purpose", "用途"}
	labelSealVersion = text{"version", "版本"}
	labelContainer   = text{"container", "文档格式"}
	labelCarries     = text{"carries", "所带字段"}
	labelBatch       = text{"items", "项目数"}
	labelAnswer      = text{"answer", "判定"}
	labelNeed        = text{"would be right", "应为"}
	labelAgain       = text{"again", "重试"}

	labelUsedByOne     = text{"used by one caller", "某一账户的已用次数"}
	labelApproval      = text{"approval", "用印授权"}
	labelRequest       = text{"request SM3", "请求 SM3"}
	labelUses          = text{"uses", "次数"}
	labelPerson        = text{"on behalf of", "申请人"}
	labelJustification = text{"justification", "申请理由"}
	labelDept          = text{"department", "部门"}
	labelDocID         = text{"document id", "文件标识"}
	labelDocNo         = text{"document number", "文件编号"}
	labelPages         = text{"pages", "页数"}
	labelAskedBy       = text{"asked by", "提出者"}
	labelBound         = text{"bound to", "绑定"}
	labelDocSM3        = text{"SM3 of the document", "文件的 SM3"}
	labelRefsSM3       = text{"SM3 of the references", "引用清单的 SM3"}
	labelDigest        = text{"value to be signed", "待签值"}
	labelAskedUses     = text{"uses asked for", "申请次数"}
	labelAskedSpan     = text{"time asked for", "申请时间"}
	labelSpan          = text{"time", "有效时间"}
	labelPersons       = text{"persons", "人数"}
	labelGrantedBy     = text{"granted by", "授权人"}
	labelEndedBy       = text{"ended by", "终止人"}
	labelChanged       = text{"parts that differ", "内容不同的部分"}
	labelOnlyIn        = text{"only in %s", "仅见于 %s"}
)

// Sentences.
var (
	msgBatch           = text{"--batch is %d: want 1 or more", "--batch 为 %d：应不小于 1"}
	msgBadUID          = text{"--caller is %q: want the name of an account or a uid", "--caller 的值为 %q：应为账户名或 uid"}
	msgBadTime         = text{"--%s is %q: want RFC 3339, like 2026-11-22T08:00:00+08:00, or 2026-11-22 08:00", "--%s 的值为 %q：应为 RFC 3339 时间，如 2026-11-22T08:00:00+08:00，或 2026-11-22 08:00"}
	msgNoZone          = text{"--%s is %q, and the policy names no zone: give the offset, like 2026-11-22T08:00:00+08:00", "--%s 的值为 %q，而策略没有时区：请写明时差，如 2026-11-22T08:00:00+08:00"}
	msgTimeSkipped     = text{"--%s is %q: the clock of %s never shows that, it is set forward over it", "--%s 的值为 %q：%s 的时钟拨快时跳过了该时刻"}
	msgTimeTwice       = text{"--%s is %q: the clock of %s shows that twice, want %s or %s", "--%s 的值为 %q：%s 的时钟两次显示该时刻，应为 %s 或 %s"}
	msgPolicyUnread    = text{"the policy of %s is none that this program reads: it may be older than signetd", "本程序无法识别 %s 的用印策略：其版本可能早于 signetd"}
	msgNotSet          = text{"%s, which is not set", "%s（尚未设置）"}
	msgCallerIDs       = text{"uid %d, groups %s", "uid %d，组 %s"}
	msgRefusedBy       = text{"refused, code %d %s, rule %s", "拒绝，代码 %d %s，规则 %s"}
	msgWouldBeRefused  = text{"this would be refused: %s", "会被拒绝：%s"}
	msgBadAnswerOfTest = text{"signetd's answer is not what its rules say", "signetd 的应答与其所列规则不符"}
	msgNoChange        = text{"no change: both allow the same", "没有变更：两者允许的内容相同"}
	msgStale           = text{"allows nobody: %s", "不再生效：%s"}
	msgMeansAnew       = text{"whom the name means when it is set", "设置时该名称所对应的账户"}
	msgNobody          = text{"%s would allow nobody; nothing was sent. If that is meant: --nobody", "%s 不会允许任何人；未发送任何内容。如确实如此，请加 --nobody"}
	msgSomebody        = text{"%s allows somebody: leave --nobody out; nothing was sent", "%s 会允许某些请求：请去掉 --nobody；未发送任何内容"}
	msgContentNobody   = text{"the policy is meant to allow NOBODY", "此策略意在不允许任何人"}
	msgPolicyFaults    = text{"this policy has faults", "此用印策略有误"}
	msgNotCompared     = text{"not compared with the policy in force", "未能与现行用印策略比较"}
	msgUsage           = text{"%d used, %d being signed, of %d", "已用 %d，正在签名 %d，限额 %d"}
	msgNoCallerLeft    = text{"no caller is left: the whole allows nothing, and so narrows", "没有任何应用系统账户：整体不允许任何用印，因此是收紧"}
	msgPerCaller       = text{"at most %d of each caller", "每个应用系统账户至多 %d 次"}
	msgApprovals       = text{"granted by %d of: %s; for %s; uses at most %d, within %s", "须由以下人员中 %d 人授权：%s；绑定 %s；至多 %d 次，时长至多 %s"}
	msgUsageUnknown    = text{"counts as full: what was used before a restore is not known (limit %d)", "视为已用完：恢复之前的次数未知（限额 %d）"}
	msgUsageUntil      = text{"%s, until %s", "%s，至 %s"}

	msgBadApprovalID    = text{"%q is no approval: want its 16 digits of 0-9 a-f", "%q 不是用印授权标识：应为 16 位 0-9 a-f"}
	msgNoApprovals      = text{"no such approvals", "没有符合条件的用印授权"}
	msgApprovalConsumed = text{"approval consumed", "所用用印授权"}
	msgApprovalAsked    = text{"approval asked for", "所申请的用印授权"}
	msgApprovalDecided  = text{"approval decided on", "所决定的用印授权"}
	msgMoreApprovals    = text{"there are more: ask for one --entry or one --state", "还有更多：请用 --entry 或 --state 缩小范围"}
	msgAskedBy          = text{"uid %d, %s", "uid %d，%s"}
	msgSpan             = text{"%s to %s", "%s 至 %s"}
	msgUses             = text{"%d of %d", "%d / %d"}
	msgPersons          = text{"%d of %d have granted", "已授权 %d 人，须 %d 人"}
	msgByEvent          = text{"%s (event %d)", "%s（审计记录 %d）"}
	msgAsAsked          = text{"as many as were asked for", "与请求相同"}
	msgAsCaller         = text{"as told to the caller: the sockets for officers are closed to this account", "以应用系统身份所见：本账户无权使用管理人员的套接字"}
	msgContentAsked     = text{"what was asked for, whose SM3 is the value of the event:", "请求内容（SM3 与审计记录的 value 一致）："}
	msgRequestMissing   = text{"signetd does not have what was asked for by event %d, SM3 %s", "signetd 没有审计记录 %d 的请求内容，SM3 为 %s"}
	msgRequestUnread    = text{"what was asked for by approval %s is none that this program reads: %s", "无法识别用印授权 %s 的请求内容：%s"}
	msgRequestOther     = text{"approval %s is not shown: signetd tells otherwise than what was asked for: %s", "用印授权 %s 不予显示：signetd 所述与请求内容不同：%s"}
	msgActOther         = text{"this act is about another request than approval %s: it names %s, the request is %s", "此管理指令与用印授权 %s 的请求不符：其中列出 %s，而请求为 %s"}
	msgAskedUnread      = text{"what was asked for cannot be shown here", "此处无法显示请求内容"}

	msgBoundToNothing  = text{"approval %s is for a number of uses and bound to no file: there is nothing to compare", "用印授权 %s 只限次数，未绑定文件：无可比较"}
	msgNotByReferences = text{"approval %s is not bound to the parts of an OFD: use --file", "用印授权 %s 未绑定 OFD 的各部分：请用 --file"}
	msgEvidenceInput   = text{"standard input (-) cannot be held against an approval: name a file", "标准输入（-）不能用于核对：请给出文件"}
	msgBadOFD          = text{"%s cannot be read as an OFD: %s", "无法将 %s 读作 OFD：%s"}
	msgOtherFile       = text{"%d of %d files are NOT what approval %s was asked for", "有 %d 个（共 %d 个）文件与用印授权 %s 的请求不符"}
	msgDigestsLeft     = text{"no file was shown for %d of %d values", "有 %d 个值（共 %d 个）没有对应的文件"}
	msgNoFileLookedAt  = text{"no file was held against it: --file FILE does that", "未与文件核对：可用 --file FILE 核对"}
	msgGrantCount      = text{"--count is %d: %d uses were asked for", "--count 为 %d：申请次数为 %d"}
	msgGrantDigests    = text{"the %d values are approved all or not at all: leave --count out", "%d 个值须全部授权或全部拒绝：请去掉 --count"}
	msgGrantUntil      = text{"--until is %s: want an instant from %s to %s", "--until 为 %s：应在 %s 至 %s 之间"}

	msgAskMissing        = text{"--%s is missing: custodians decide by it", "缺少 --%s：印章保管人据此决定"}
	msgBindOnce          = text{"--file, --ofd and --digest-of bind to different things: choose one", "--file、--ofd、--digest-of 绑定的内容不同：只选其一"}
	msgBindNone          = text{"say what it is bound to: --file, --ofd, --digest-of, or --count for any uses", "请指定绑定内容：--file、--ofd、--digest-of，或用 --count 给出任意用印的次数"}
	msgAlgorithmOfDigest = text{"--algorithm goes with --digest-of", "--algorithm 须与 --digest-of 一起使用"}
	msgAskPassed         = text{"it would end at %s, and it is %s by this machine's clock: want an end to come", "截止时间 %s 已过（本机时钟为 %s）：应为将来的时间"}
	msgAskBackwards      = text{"it would end at %s, before it begins at %s", "截止时间 %s 早于起始时间 %s"}
	msgAskFor            = text{"--for is %s: want 1s or more", "--for 为 %s：应不小于 1s"}

	wordPass    = text{"passes", "通过"}
	wordRefuses = text{"REFUSES", "拒绝"}
	wordMatch   = text{"MATCH", "相符"}
	wordNoMatch = text{"NO MATCH", "不相符"}
)

// What comes of an act, for --plan.
var (
	effectGrant  = text{"When enough persons have granted it, the caller can sign what it is bound to, as often and as long as it says.", "足够人数给予后，应用系统即可在规定的次数和时间内对所绑定的内容签名。"}
	effectDeny   = text{"It cannot be granted any more; the caller may ask anew.", "此后不能再给予；应用系统可以重新申请。"}
	effectRevoke = text{"Nothing more is signed under it. What was signed stays.", "此后不再依此签名。已签的内容不变。"}
)

// What to type next.
var (
	hintWide              = text{"signetctl policy diff %s %s shows what widens now; --wide has it signed as one that widens", "signetctl policy diff %s %s 显示现在放宽了什么；加 --wide 则按放宽的指令签名"}
	hintApprovalOwn       = text{"signetctl approval show %s, without --file: a caller is told of what he asked for himself", "signetctl approval show %s（不带 --file）：应用系统只能查询自己提出的申请"}
	hintApprovalList      = text{"signetctl approval list", "signetctl approval list"}
	hintApprovalAnew      = text{"signetctl approval request ENTRY --help", "signetctl approval request ENTRY --help"}
	hintPolicyMend        = text{"mend the file, then: signetctl policy set %s %s", "改正文件后执行：signetctl policy set %s %s"}
	hintPolicyCaller      = text{"signetctl policy test %s --caller NAME", "signetctl policy test %s --caller NAME"}
	hintApprovalShow      = text{"signetctl approval show %s", "signetctl approval show %s"}
	hintApprovalDecide    = text{"signetctl approval grant %s --file FILE, or signetctl approval deny %s --why TEXT", "signetctl approval grant %s --file FILE，或 signetctl approval deny %s --why TEXT"}
	hintApprovalDeny      = text{"signetctl approval deny %s --why TEXT", "signetctl approval deny %s --why TEXT"}
	hintApprovalRequest   = text{"signetctl approval request {entry} --help, then sign with --approval ID", "signetctl approval request {entry} --help，然后用 --approval ID 签名"}
	hintTellCustodian     = text{"tell the custodian: signetctl approval show %s", "请告知印章保管人：signetctl approval show %s"}
	hintTellCustodianFile = text{"tell the custodian: signetctl approval show %s --file %s", "请告知印章保管人：signetctl approval show %s --file %s"}
)

// everyCustodian is what policy.Diff writes where a policy lists nobody.
const everyCustodian = "every custodian of the entry"

// valueTexts are the words of package policy for values that are no names,
// numbers or times.
var valueTexts = map[string]text{
	everyCustodian: {"every custodian of the entry", "条目的每位印章保管人"},
	"none":         {"none", "无"},
}

// formTexts say what a custodian approves by each form.
var formTexts = map[policy.Form]text{
	policy.ByDocument:   {"one document: hold your file against it with --file", "一个文件：请用 --file 与您手中的文件核对"},
	policy.ByReferences: {"the parts of an OFD that a signature covers: hold your file against it with --ofd", "OFD 签名所保护的各部分：请用 --ofd 与您手中的文件核对"},
	policy.ByDigests:    {"the very values that the key signs: hold each file against it with --file", "密钥将要签的值：请用 --file 逐个核对文件"},
	policy.ByCount:      {"NOTHING: any document, a number of times", "未绑定文件：任何文件，限次数"},
}
