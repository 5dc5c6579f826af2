package main

import (
	"signet/daemon/cmd/signetctl/internal/screen"
	"signet/protocol"
)

// This file is every word that signetctl says to people. A text is written
// without field names, so that one without its translation does not compile.
// JSON keys, codes, verbs, flags and the names of PKCS#11 stay English. The
// Chinese words are those of the design's list: one word for each thing.

// Help of the commands.
var (
	helpRoot = help{
		text{"keys and seals of a signing appliance", "签章设备的密钥与印章管理"},
		text{`signetctl speaks to signetd, the daemon in front of the crypto modules: it makes keys, sets the policy of each, signs, and reads the log. Three sockets, each for a group of accounts, decide who may do what; "signetctl VERB --help" shows an example of each verb.

Exit status: 0 ok, 1 unexpected, 2 usage or bad input, 3 refused for good, 4 refused, try later, 5 more signatures needed, 6 not found, 7 signetd not reachable, 8 verification failed, 9 HSM not available, 10 conflict with the state as it is.

LANG or LC_ALL choose the language (English, zh_CN). NO_COLOR switches colours off.`,
			`signetctl 与守护进程 signetd 通信（signetd 位于 PKCS#11 接口库之前）：生成密钥、设置用印策略、签名、查阅审计日志。三个套接字分别对应一组账户，决定谁能做什么；“signetctl 命令 --help”给出每个命令的示例。

退出状态：0 成功，1 意外错误，2 用法或输入有误，3 拒绝且不必重试，4 拒绝但可稍后重试，5 还需更多签名，6 未找到，7 无法连接 signetd，8 验证不通过，9 密码设备不可用，10 与当前状态冲突。

语言由 LANG 或 LC_ALL 决定（英文、zh_CN）。设置 NO_COLOR 可关闭颜色。`},
		"signetctl status\nsignetctl key list\nsignetctl sign contract --file contract.ofd --purpose contract -o contract.sig",
	}
	helpInit = help{
		text{"begin the life of this appliance", "初始化本设备"},
		text{`Creates the store, the log key and the first event of the log. What is chosen here holds for the life of the appliance.

FILE is the ceremony: appliance, deployment, crypto, officers with their keys, thresholds, tokens, log key and who can open backups (firmware-config/ceremony.toml is an example). Every officer that it names signs it. With --plan it is read and compared with the appliance: everything that would be made is shown, and whatever would be refused.

Without FILE, and with --crypto, an appliance begins that takes acts unsigned from members of signet-admin (authority development), and every one of its events says so: it is for trying and testing. --crypto gm allows SM2, SM3 and SM4 only, mixed allows the international algorithms too.`,
			`创建存储、日志密钥和审计日志的第一条记录。此处的选择在设备的整个生命期内有效。

FILE 为初始化文件：设备、部署方式、密码算法、管理人员及其公钥、门限、令牌、日志密钥以及可解密备份的人员（示例见 firmware-config/ceremony.toml）。文件中的每位管理人员都须签名。使用 --plan 时只读取文件并与设备比较：显示将要生成的全部内容以及会被拒绝的内容。

不带 FILE 而带 --crypto 时，设备接受 signet-admin 组成员未签名的管理指令（authority development），每条记录都会注明：仅用于试用和测试。--crypto gm 只允许 SM2、SM3、SM4，mixed 还允许国际算法。`},
		"signetctl init ceremony.toml --plan\nsignetctl init ceremony.toml --sign ~/.ssh/id_ed25519\nsignetctl init --crypto gm --deployment owner",
	}
	helpStatus = help{
		text{"how the appliance is: mode, log, clock, tokens, warnings", "设备状态：运行模式、日志、时钟、令牌、警告"},
		text{"The first thing to look at. Groups signet-admin and signet-audit may ask. With --watch it is shown anew until interrupted, over restarts of signetd too; what is not written to a terminal has one line for each change (of anything but the clock and the size of the log).", "首先要看的内容。signet-admin 组和 signet-audit 组可以查询。使用 --watch 时持续刷新直至中断，signetd 重启期间也不退出；输出不是终端时，每次变化（时钟和日志长度除外）写一行。"},
		"signetctl status\nsignetctl status --watch\nsignetctl status --json | jq -r .mode\nsignetctl status --watch=10s --json >> signet-status.log",
	}
	helpToken = help{
		text{"tokens of the crypto modules", "密码设备的令牌"},
		text{"A token is one slot's token of a PKCS#11 library, named in signetd.toml. Keys live in tokens.", "令牌是 PKCS#11 接口库中一个槽位的令牌，在 signetd.toml 中命名。密钥存放在令牌中。"},
		"signetctl token list",
	}
	helpTokenList = help{
		text{"list the tokens and their states", "列出令牌及其状态"},
		text{"States: connecting, up, down (signetd tries again by itself), latched (its PIN was refused; an administrator has to act).", "状态：连接中，可用，不可用（signetd 会自行重试），PIN 已锁存（PIN 被拒绝，需系统管理员处理）。"},
		"signetctl token list",
	}
	helpTokenStatus = help{
		text{"show one token with its last error", "显示一个令牌及其最近的错误"},
		text{`Shows device, profile, sessions, the last error and what mends it.

With --mechanisms the token is tried instead: it makes a key pair of every type, which ends with its session, signs a fixed text with every algorithm, and each signature is verified. It takes a minute where RSA keys are slow, and no session from those who sign. No key of an entry is touched; the log has one event with the number of signatures. For group signet-admin.`,
			`显示设备、配置文件、会话、最近的错误及处置办法。

使用 --mechanisms 时改为实测令牌：逐种类型生成随会话结束而消失的密钥对，用每种算法对固定文本签名，并逐一验证。RSA 密钥较慢时约需一分钟，不占用签名所用的会话，不涉及任何台账条目的密钥；审计日志中留有一条记录，写明签名次数。仅限 signet-admin 组。`},
		"signetctl token status seals\nsignetctl token status seals --mechanisms",
	}
	helpTokenClearPIN = help{
		text{"let signetd try a token's PIN again", "允许 signetd 重新尝试令牌的 PIN"},
		text{"A PIN that was refused is not tried again: most tokens lock themselves after a few wrong ones. Mend the credential first, then clear the latch.", "被拒绝的 PIN 不会再次尝试：多数令牌在若干次错误后会锁死。请先改正凭据，再解除锁存。"},
		"signetctl token clear-pin seals",
	}
	helpKey = help{
		text{"keys: make, list, suspend, resume, end", "密钥：生成、列出、停用、恢复、注销"},
		text{"An entry of class key is a signing key without a seal. It is made pending, gets a policy, and is then activated.", "key 类台账条目是不带印章的签名密钥。生成后为待启用状态，设置用印策略后再启用。"},
		"signetctl key create contract --token seals --type SM2\nsignetctl policy set contract contract.toml\nsignetctl key activate contract",
	}
	helpKeyCreate = help{
		text{"make a key in a token, and its entry", "在令牌中生成密钥并建立台账条目"},
		text{"The key pair is made inside the token, its attributes are read back and checked, and a first signature is verified. An RSA key can take a minute. Types: SM2, EC-P256, EC-P384, RSA-2048, RSA-3072, RSA-4096, ED25519.",
			"密钥对在令牌内部生成，随后逐项读回并检查属性，并验证一次签名。RSA 密钥可能需要一分钟。类型：SM2、EC-P256、EC-P384、RSA-2048、RSA-3072、RSA-4096、ED25519。"},
		"signetctl key create contract --token seals --type SM2 --title \"Contracts 2026\"",
	}
	helpKeyList = help{
		text{"list the keys", "列出密钥"},
		text{"One line for each entry of class key: status, type, token, policy.", "每个 key 类台账条目一行：状态、类型、令牌、用印策略。"},
		"signetctl key list\nsignetctl key list --json | jq -r '.entries[].id'",
	}
	helpKeyShow = help{
		text{"show one entry, or write its public key", "显示一个台账条目，或导出其公钥"},
		text{"With --public-key the key is written as PEM, for openssl and for those who verify. With --transcript the record of the ceremony that made the key is shown, after its SM3 was compared with the one that the entry names; its results are held (required, and so it was), broken, noted (not required) and not tried.",
			"使用 --public-key 时以 PEM 写出公钥，供 openssl 和验证方使用。使用 --transcript 时显示生成该密钥的过程记录，显示之前先与条目所列的 SM3 核对；结果分为符合要求、不符合要求、仅记录（不作要求）和未能检查。"},
		"signetctl key show contract\nsignetctl key show contract --public-key contract.pem\nsignetctl key show contract --transcript",
	}
	helpKeyActivate = help{
		text{"let a pending entry be used", "启用待启用的台账条目"},
		text{"An entry needs a policy first: without one it would allow nobody.", "条目须先设置用印策略：没有策略则不允许任何人使用。"},
		"signetctl key activate contract",
	}
	helpKeySuspend = help{
		text{"stop all use of an entry at once", "立即停用台账条目"},
		text{"When the answer comes nothing more is signed with it. Each suspension is a hold with its reason; the entry can be used again when all holds are lifted.", "命令返回时即不再签名。每次停用记为一条停用事由；全部事由解除后才能再次使用。"},
		"signetctl key suspend contract --why \"report of 2026-11-22: laptop lost\"",
	}
	helpKeyResume = help{
		text{"lift a hold of an entry", "解除台账条目的停用事由"},
		text{"Without --hold the only hold is lifted; an entry with several wants the one named.", "不带 --hold 时解除唯一的停用事由；有多条时须指明其一。"},
		"signetctl key resume contract\nsignetctl key resume contract --hold 2",
	}
	helpSeal = help{
		text{"electronic seals", "电子印章"},
		text{"An entry of class seal signs stamps and nothing else.", "seal 类台账条目只用于电子签章。"},
		"signetctl seal list",
	}
	helpSealList = help{
		text{"list the seals", "列出电子印章"},
		text{"One line for each entry of class seal.", "每个 seal 类台账条目一行。"},
		"signetctl seal list",
	}
	helpPolicy = help{
		text{"who may use an entry, for what", "谁可以将条目用于什么"},
		text{"A policy is a TOML file. Who may do what stands in lists: of those (callers, operations, algorithms, purposes; for seals versions and containers) an absent one allows nobody. The rest are bounds: hours, weekdays, holidays, not_before, not_after, require, quotas, approvals. An absent one bounds nothing, and each that is added narrows.",
			"用印策略是 TOML 文件。谁可以做什么由列表写明：callers、operations、algorithms、purposes，印章另有 versions 和 containers，未写的列表不允许任何人。其余为限制：hours、weekdays、holidays、not_before、not_after、require、quotas、approvals，未写即不作限制，每写一项都是收紧。"},
		"signetctl policy set contract contract.toml",
	}
	helpPolicySet = help{
		text{"give an entry a policy", "设置条目的用印策略"},
		text{"The file is checked here first: all faults are shown with their lines, and nothing is sent. FILE - is standard input. Names of accounts are fixed to their ids when the policy is set.", "先在本地检查文件：列出全部错误及行号，有错则不发送。FILE 为 - 表示标准输入。账户名在设置时即固定为其数字标识。"},
		"cat > contract.toml <<'END'\ncallers    = { users = [\"oa\"] }\noperations = [\"digest\", \"message\"]\nalgorithms = [\"SM2-SM3\"]\npurposes   = [\"contract\"]\nEND\nsignetctl policy set contract contract.toml",
	}
	helpPolicyShow = help{
		text{"show the policy of an entry", "显示条目的用印策略"},
		text{"The text goes to standard output exactly as it was set; revision, hash and whom its names mean go to standard error.", "正文按设置时的原样写到标准输出；修订号、杂凑值和账户对应关系写到标准错误。"},
		"signetctl policy show contract > contract.toml",
	}
	helpSign = help{
		text{"sign files, a digest or SM2's e", "对文件、摘要或 SM2 的 e 值签名"},
		text{`A file itself is not sent: for SM2 its e = SM3(ZA || file) is computed here with the entry's public key, for other algorithms its digest (ED25519 signs the file itself, up to 48 KiB). With --message the file is sent, and signetd computes the rest. Each signature is verified before it is written. Run it as the account that the policy names.

FILE... are signed in as few requests as signetd takes; each request is granted whole or not at all, and with --partial file by file: then a refusal stands beside its file, and the status is 3 or 4. Their signatures go to FILE.sig. A single --file or value goes to standard output without -o, and its receipt to standard error.

If the connection is lost before the answer, the same command with the same --request-id gives the recorded signatures and spends nothing (what is written already needs --force).`,
			`文件本身不会发送：SM2 在本地用条目公钥计算 e = SM3(ZA || 文件)，其他算法计算摘要（ED25519 直接对文件签名，最大 48 KiB）。使用 --message 时发送文件，由 signetd 计算其余内容。每个签名在写出之前先经验证。请以用印策略中列出的账户运行。

FILE... 以尽可能少的请求签名；每个请求要么全部允许，要么全部拒绝；使用 --partial 时逐个文件判定，被拒绝的在该文件旁注明，退出状态为 3 或 4。签名写入 FILE.sig。只有一个 --file 或值且不带 -o 时，签名写到标准输出，签章回执写到标准错误。

若连接在应答到达之前中断，以同一 --request-id 重新执行同一命令即可得到已记录的签名，且不消耗次数（已写出的文件需加 --force）。`},
		"signetctl sign contract --file contract.ofd --purpose contract -o contract.sig\nsignetctl sign contract *.ofd --purpose contract --request-id batch-17\nsignetctl sign contract --sm2-e 7d0c...e1 --purpose contract --format hex\nsignetctl key show contract --public-key contract.pem\nopenssl dgst -sm3 -verify contract.pem -sigopt distid:1234567812345678 \\\n  -signature contract.sig contract.ofd",
	}
	helpVerify = help{
		text{"verify signatures of files", "验证文件的签名"},
		text{`With --public-key nothing is asked of signetd: anybody verifies on any machine. With ENTRY the key is the one of the register, told to the accounts that may use it and to officers. The signature of FILE is FILE.sig if nothing else is said; how it is written (DER, base64, hex) is told by its bytes.

Results: passed, failed (status 8, with what it may be instead, where that can be told), indeterminate (there is no key, no file or no signature to judge by; the status says why). For SM2, e = SM3(ZA || file) with the id 1234567812345678; a signature over plain SM3(file) does not pass.

Passed means that this key signed this file. When, and whether the entry could be used then, is in the log.`,
			`使用 --public-key 时不询问 signetd：任何人都可在任何机器上验证。使用 ENTRY 时公钥取自台账，仅告知可使用该条目的账户和管理人员。未另行指定时，FILE 的签名为 FILE.sig；其写法（DER、base64、hex）由内容识别。

结果：验证通过，验证不通过（退出状态 8，并尽可能说明原因），无法判定（缺少可用的公钥、文件或签名，退出状态说明原因）。SM2 的 e = SM3(ZA || 文件)，标识为 1234567812345678；针对普通 SM3(文件) 的签名不通过。

验证通过表示此密钥签过此文件。何时签名、当时条目是否可用，见审计日志。`},
		"signetctl verify --public-key contract.pem --signature contract.sig --file contract.ofd\nsignetctl verify contract *.ofd\nsignetctl verify contract --file a.ofd --json | jq -r .result",
	}
	helpLog = help{
		text{"the log of every decision", "每次判定的审计日志"},
		text{"Each use, refusal and act is one event. To read the log is an event too.", "每次用印、拒绝和管理指令各为一条审计记录。查阅日志本身也会被记录。"},
		"signetctl log list",
	}
	helpLogList = help{
		text{"list events", "列出审计记录"},
		text{"Shows the newest 50. With --from it shows the first ones from there on; --limit 0 shows all. With --json every event is one line, the exact leaf of the log, and without --limit all are listed from the first on.",
			"显示最新的 50 条。带 --from 时从该处起显示；--limit 0 显示全部。带 --json 时每条记录一行，即日志叶子的原文；不带 --limit 则从第一条起全部列出。"},
		"signetctl log list --entry contract --result refused\nsignetctl log list --json | wc -l",
	}
	helpLogShow = help{
		text{"show one event with its leaf hash", "显示一条审计记录及其叶子杂凑值"},
		text{"Every field is named with what it means. For an act its content follows: why an entry was suspended, the text of a policy, what was fixed at init. It is shown only if its SM3 is the content_sha of the act. --json gives the exact leaf and nothing else.",
			"逐项列出字段及含义。对于管理指令，其后列出指令内容：停用理由、用印策略正文、初始化选项等；仅当内容的 SM3 与指令中的 content_sha 一致时才显示。--json 只输出叶子原文。"},
		"signetctl log show 42",
	}
	helpMode = help{
		text{"what the appliance can do now, and why not more", "设备当前的运行模式及原因"},
		text{"Modes: uninitialised, recovery, poisoned, degraded, serving.", "模式：uninitialised 未初始化，recovery 待恢复，poisoned 存储不可信，degraded 部分可用，serving 正常服务。"},
		"signetctl mode show",
	}
	helpModeShow = help{
		text{"show the mode, what it means and what mends it", "显示运行模式、含义及处置办法"},
		text{"The same as the head of status, with the meaning of the mode.", "与 status 开头相同，另附模式的含义。"},
		"signetctl mode show",
	}
	helpModeClear = help{
		text{"end mode poisoned, or accept the clock or an older store", "结束 poisoned 模式，或接受当前时钟或较旧的存储"},
		text{"After a failed sync of its store signetd signs nothing. When the disk is mended this has the store opened anew and checked. --accept-clock is for another stop: a clock that jumped forward. Make sure of the time first: events are never dated back. --accept-older ends mode recovery where the store is older than it was: what was recorded later is lost, and quotas count as spent until their windows end.",
			"存储写入未能落盘后，signetd 不再签名。磁盘修复后，此命令重新打开并检查存储。--accept-clock 用于另一种停止：时钟向前跳变。请先确认时间正确：审计记录的时间绝不回退。--accept-older 用于存储比已知的旧而处于 recovery 模式时：其后的记录即告丢失，各用印次数限额在其窗口结束前视为已用完。"},
		"signetctl mode clear\nsignetctl mode clear --accept-clock\nsignetctl mode clear --accept-older --why \"disk of 2026-11-20 lost, backup of 2026-11-19\" --plan",
	}
	helpMetrics = help{
		text{"counters and gauges of the daemon, for monitoring", "守护进程的监控指标"},
		text{"Prints the text format of Prometheus as signetd serves it; daemon/metrics.md names each metric, with rules for alarms. With --table signet's own are shown for people, without those that are zero; durations of a histogram are given as bounds: half, or 99 of 100, were not longer. Groups signet-admin and signet-audit may ask; it is no event of the log.",
			"输出 signetd 提供的 Prometheus 文本格式；daemon/metrics.md 列出每个指标并给出告警规则。使用 --table 时以便于阅读的形式显示 signet 自身的指标，值为零的不显示；直方图的时长以上界表示：一半（或百分之九十九）不超过该值。signet-admin 组和 signet-audit 组可以查询；查询不写入审计日志。"},
		"signetctl metrics\nsignetctl metrics --table\nsignetctl metrics --json | jq '.metrics[] | select(.name | startswith(\"signet_store_\"))'",
	}
	helpCompletion = help{
		text{"print the completion script of a shell", "输出命令行补全脚本"},
		text{"SHELL is bash, zsh or fish. Entries and tokens are completed by asking signetd.", "SHELL 为 bash、zsh 或 fish。条目和令牌通过询问 signetd 补全。"},
		"source <(signetctl completion bash)\nsignetctl completion bash > /usr/share/bash-completion/completions/signetctl\nsignetctl completion zsh > /usr/share/zsh/vendor-completions/_signetctl\nsignetctl completion fish > /usr/share/fish/vendor_completions.d/signetctl.fish",
	}
)

// Flags. The word in backquotes names the value.
var (
	flagHelp            = text{"show this help", "显示本帮助"}
	flagVersion         = text{"show the version", "显示版本"}
	flagJSON            = text{"write JSON for machines", "输出供程序使用的 JSON"}
	flagTimeout         = text{"wait no longer than `DURATION` for an answer, like 10s (default: 30s to read, 1m to sign, 12m for an act)", "每次应答最长等待 `DURATION`，如 10s（默认：查询 30s，签名 1m，管理指令 12m）"}
	flagSignSocket      = text{"`PATH` of sign.sock (SIGNET_SIGN_SOCKET)", "sign.sock 的路径 `PATH`（SIGNET_SIGN_SOCKET）"}
	flagAdminSocket     = text{"`PATH` of admin.sock (SIGNET_ADMIN_SOCKET)", "admin.sock 的路径 `PATH`（SIGNET_ADMIN_SOCKET）"}
	flagAuditSocket     = text{"`PATH` of audit.sock (SIGNET_AUDIT_SOCKET)", "audit.sock 的路径 `PATH`（SIGNET_AUDIT_SOCKET）"}
	flagCrypto          = text{"`CHOICE`, required: gm (SM2, SM3, SM4 only) or mixed", "必填 `CHOICE`：gm（只用 SM2、SM3、SM4）或 mixed"}
	flagDeployment      = text{"`CHOICE`: owner, hosting or maker (default owner)", "`CHOICE`：owner、hosting 或 maker（默认 owner）"}
	flagAuthority       = text{"`CHOICE`: development, for trying; officers come with a ceremony's FILE", "`CHOICE`：development，供试用；由管理人员管理的设备用 FILE 初始化"}
	flagToken           = text{"`TOKEN` of signetd.toml to make the key in, required", "生成密钥所用的令牌 `TOKEN`（signetd.toml 中的名称），必填"}
	flagType            = text{"`TYPE` of key, required", "密钥类型 `TYPE`，必填"}
	flagTitle           = text{"`TEXT` that tells people what the key is for", "说明密钥用途的文字 `TEXT`"}
	flagPublicKey       = text{"write the public key to `FILE` as PEM, - for standard output", "将公钥以 PEM 写入 `FILE`，- 表示标准输出"}
	flagTranscript      = text{"show the record of the ceremony that made the key", "显示生成密钥的过程记录"}
	flagForce           = text{"replace a file that exists", "覆盖已有文件"}
	flagWhy             = text{"reason, as `TEXT`, required: it stays with the entry and in the log", "停用理由 `TEXT`，必填：随条目保存并写入日志"}
	flagHold            = text{"`NUMBER` of the hold to lift (see key show)", "要解除的停用事由编号 `NUMBER`（见 key show）"}
	flagFile            = text{"the document, a `FILE`, - for standard input; may be repeated", "文件 `FILE`，- 表示标准输入；可重复"}
	flagDigest          = text{"its digest instead, `HEX`", "以摘要 `HEX` 代替文件"}
	flagSM2E            = text{"its e = SM3(ZA || M) instead, `HEX`, for SM2", "以 e = SM3(ZA || M) 代替文件，`HEX`，用于 SM2"}
	flagMessage         = text{"send this `FILE` whole (up to 48 KiB), for signetd to hash; may be repeated", "整体发送此 `FILE`（最大 48 KiB），由 signetd 计算摘要；可重复"}
	flagPartial         = text{"sign what is allowed, also if some are refused", "其中有被拒绝的，其余仍然签名"}
	flagDeadline        = text{"`DURATION` after which signetd gives up, like 2s (default and upper limit: its own)", "signetd 放弃处理的期限 `DURATION`，如 2s（默认及上限为其自身设定）"}
	flagAlgorithm       = text{"`NAME` of the algorithm; needed where the entry has several", "算法 `NAME`；条目有多个算法时必填"}
	flagPurpose         = text{"`PURPOSE` that the policy must list", "用途 `PURPOSE`，须在用印策略中列出"}
	flagDocID           = text{"`ID` of the document in its system, for the log", "文件在应用系统中的标识 `ID`，写入日志"}
	flagDocNo           = text{"`NUMBER` that the document bears, for the log", "文件编号 `NUMBER`，写入日志"}
	flagDocTitle        = text{"`TEXT` of the document's title; the log keeps its hash", "文件标题 `TEXT`；日志中只保存其杂凑值"}
	flagDocSM3          = text{"SM3 of the document before it was signed, `HEX`, for the log", "未签文件的 SM3，`HEX`，写入日志"}
	flagDocPages        = text{"`NUMBER` of its pages, for the log", "文件页数 `NUMBER`，写入日志"}
	flagUserName        = text{"`NAME` of that person; the log keeps its hash", "用印申请人姓名 `NAME`；日志中只保存其杂凑值"}
	flagDept            = text{"`TEXT` naming the department, for the log", "部门 `TEXT`，写入日志"}
	flagClientIP        = text{"`ADDRESS` that the person works at; the log keeps its hash", "用印申请人所用地址 `ADDRESS`；日志中只保存其杂凑值"}
	flagApprovalRef     = text{"`ID` of the approval in the caller's system, for the log", "应用系统中的审批编号 `ID`，写入日志"}
	flagUserID          = text{"`ID` of the person on whose word this is signed, for the log", "申请用印人标识 `ID`，写入日志"}
	flagRequestID       = text{"`ID` of this request: repeated with it, the same answer comes and nothing is spent", "本次请求标识 `ID`：以同一标识重复请求将得到相同应答，且不消耗次数"}
	flagOut             = text{"write the signature to `FILE`; {} stands for the document's path, {/} for its name (default {}.sig for FILE... and for several, else -, standard output)", "将签名写入 `FILE`；{} 代表文件路径，{/} 代表文件名（以参数 FILE... 给出或有多个文件时默认 {}.sig，否则为 -，即标准输出）"}
	flagVerifyKey       = text{"`FILE` with the public key as PEM: then nothing is asked of signetd", "PEM 公钥文件 `FILE`：此时不询问 signetd"}
	flagSignature       = text{"`FILE` with the signature; {} stands for the document's path (default {}.sig)", "签名文件 `FILE`；{} 代表文件路径（默认 {}.sig）"}
	flagVerifyFormat    = text{"`FORMAT` of the signature: auto, der, base64 or hex (default auto); der of RSA and ED25519 is the raw signature", "签名格式 `FORMAT`：auto、der、base64 或 hex（默认 auto）；RSA 与 ED25519 的 der 即原始签名"}
	flagVerifyAlgorithm = text{"`NAME` of the algorithm that must have signed (default: any that the key has)", "签名应使用的算法 `NAME`（默认：密钥的任一算法）"}
	flagWatch           = text{"show it anew each `DURATION` (default 2s), until interrupted", "每隔 `DURATION`（默认 2s）刷新，直至中断"}
	flagFormat          = text{"`FORMAT`: der, base64 or hex (default: der into a file, else base64); der of RSA and ED25519 is the raw signature", "格式 `FORMAT`：der、base64 或 hex（默认：写文件用 der，否则用 base64）；RSA 与 ED25519 的 der 即原始签名"}
	flagFrom            = text{"begin with event `SEQ`", "从记录 `SEQ` 开始"}
	flagLimit           = text{"at most `N` events, 0 for all (default 50; with --json all)", "最多 `N` 条，0 表示全部（默认 50；带 --json 时为全部）"}
	flagEntry           = text{"only events of this `ENTRY`", "只列出此条目 `ENTRY` 的记录"}
	flagResult          = text{"only events of this `RESULT`: allowed, refused or failed", "只列出此结果 `RESULT`：allowed、refused 或 failed"}
	flagTable           = text{"show a table for people", "以表格显示，便于阅读"}
	flagAcceptClock     = text{"accept the time as it is now", "接受当前时间"}
)

// Headings of help and tables, names in lists.
var (
	headUsage       = text{"Usage:", "用法："}
	headVerbs       = text{"Verbs:", "命令："}
	headFlags       = text{"Flags:", "选项："}
	headGlobalFlags = text{"Flags of every verb:", "通用选项："}
	headExample     = text{"Example:", "示例："}
	headTokens      = text{"tokens", "令牌"}
	headWarnings    = text{"warnings", "警告"}
	headToken       = text{"token", "令牌"}
	headState       = text{"state", "状态"}
	headSessions    = text{"sessions", "会话"}
	headModule      = text{"module", "接口库"}
	headProfile     = text{"profile", "配置文件"}
	headNote        = text{"note", "备注"}
	headEntry       = text{"entry", "台账条目"}
	headStatus      = text{"status", "状态"}
	headKeyType     = text{"key", "密钥类型"}
	headPolicy      = text{"policy", "用印策略"}
	headTitle       = text{"title", "名称"}
	headSeq         = text{"seq", "序号"}
	headRecorded    = text{"recorded %s", "记录时间 %s"}
	headUID         = text{"uid", "uid"}
	headWhat        = text{"what", "内容"}
	headFile        = text{"file", "文件"}
	headMetric      = text{"metric", "指标"}
	headLabels      = text{"labels", "标签"}
	headValue       = text{"value", "值"}
	headResult      = text{"result", "结果"}

	labelMode       = text{"mode", "运行模式"}
	labelMeaning    = text{"meaning", "含义"}
	labelReason     = text{"reason", "原因"}
	labelMend       = text{"to do", "处置"}
	labelAppliance  = text{"appliance", "设备"}
	labelGenesis    = text{"fixed at init", "初始化选项"}
	labelLog        = text{"log", "审计日志"}
	labelEntries    = text{"entries", "台账条目"}
	labelClock      = text{"clock", "时钟"}
	labelDaemon     = text{"daemon", "守护进程"}
	labelSince      = text{"since", "自"}
	labelLastError  = text{"last error", "最近错误"}
	labelPinned     = text{"module pinned", "接口库已校验"}
	labelProduction = text{"for production", "可用于生产"}
	labelDevice     = text{"device", "设备"}
	labelSerial     = text{"serial", "序列号"}
	labelFirmware   = text{"firmware", "固件"}
	labelClass      = text{"class", "类别"}
	labelHold       = text{"hold %d", "停用事由 %d"}
	labelAlgorithms = text{"algorithms", "算法"}
	labelAlgorithm  = text{"algorithm", "算法"}
	labelKeyID      = text{"key id", "密钥标识"}
	labelOrigin     = text{"origin", "来源"}
	labelCreated    = text{"created", "建立时间"}
	labelRevision   = text{"revision", "修订"}
	labelTranscript = text{"transcript", "生成过程记录"}
	labelUsers      = text{"users", "用户"}
	labelGroups     = text{"groups", "用户组"}
	labelStale      = text{"allows nobody", "不再生效"}
	labelSignature  = text{"signature", "签名"}
	labelVerified   = text{"verified", "验证通过"}
	labelPublicKey  = text{"public key", "公钥"}
	labelValue      = text{"signed value", "被签值"}
	labelFileSM3    = text{"SM3 of the file", "文件的 SM3"}
	labelDecided    = text{"decided", "判定时间"}
	labelEvent      = text{"event", "审计记录"}
	labelLeaf       = text{"leaf hash", "叶子杂凑值"}
	labelRepeated   = text{"repeated", "重复请求"}
	labelWhy        = text{"why", "理由"}
	labelLifted     = text{"hold lifted", "解除的停用事由"}
	labelName       = text{"appliance", "设备名称"}
	labelAuthority  = text{"authority", "授权方式"}
	labelCrypto     = text{"crypto", "密码算法"}
	labelDeployment = text{"deployment", "部署方式"}
	labelModuleHash = text{"module SHA-256", "接口库 SHA-256"}
	labelMechanism  = text{"mechanism", "机制"}
	labelKeyLabel   = text{"label", "密钥标签"}
)

// Sentences.
var (
	msgNext             = text{"next: %s", "下一步：%s"}
	msgDetail           = text{"%s: %s", "%s：%s"}
	msgDistribution     = text{"%s, mean %s, half ≤ %s, 99%% ≤ %s", "%s 次，平均 %s，半数 ≤ %s，99%% ≤ %s"}
	msgPerDay           = text{"%s a day", "每天 %s"}
	msgDays             = text{"%s days", "%s 天"}
	msgNone             = text{"none", "无"}
	msgWaiting          = text{"waiting for signetd", "正在等待 signetd"}
	msgInterrupted      = text{"interrupted; what was asked for may have been done", "已中断；请求可能已经执行"}
	msgUnexpected       = text{"unexpected: %s", "意外错误：%s"}
	msgUnbuilt          = text{"%s is not built yet in this version (unsupported)", "本版本尚未提供 %s（unsupported）"}
	msgNoArguments      = text{"no arguments are taken here, got %q", "此命令不带参数，却给出了 %q"}
	msgArguments        = text{"want %d argument(s), %s; got %d", "需要 %d 个参数 %s；给出了 %d 个"}
	msgBadName          = text{"%q is no name: want 1 to %d of A-Z a-z 0-9 . _ -", "%q 不是合法名称：应为 1 至 %d 个 A-Z a-z 0-9 . _ - 字符"}
	msgVerbMissing      = text{"%s wants a verb", "%s 之后须写命令"}
	msgVerbUnknown      = text{"%s has no verb %q: see %s --help", "%s 没有命令 %q：见 %s --help"}
	msgVerbUnknownNear  = text{"%s has no verb %q: did you mean %s?", "%s 没有命令 %q：是否要用 %s？"}
	msgFlagUnknown      = text{"there is no flag %s here", "没有选项 %s"}
	msgFlagValueMissing = text{"flag --%s wants a value", "选项 --%s 须带值"}
	msgFlagValue        = text{"%q is no value of --%s: %s", "%q 不能作为 --%s 的值：%s"}
	msgFlagSyntax       = text{"command line: %s", "命令行有误：%s"}
	msgChoice           = text{"%s is %q: want one of %s", "%s 的值为 %q：应为 %s 之一"}
	msgCryptoMissing    = text{"--crypto is missing: gm (SM2, SM3, SM4 only) or mixed; it holds for the life of the appliance", "缺少 --crypto：gm（只用 SM2、SM3、SM4）或 mixed；在设备整个生命期内有效"}
	msgTokenMissing     = text{"--token is missing: name a token of signetctl token list", "缺少 --token：请给出 signetctl token list 中的令牌"}
	msgTypeMissing      = text{"--type is missing: one of %s", "缺少 --type：应为 %s 之一"}
	msgBadKey           = text{"this key cannot be made: %s", "不能生成此密钥：%s"}
	msgWhyMissing       = text{"--why is missing: say why; it stands in the log for ever", "缺少 --why：请写明理由，将永久保存在日志中"}
	msgBadWhy           = text{"this is no reason: %s", "理由有误：%s"}
	msgBadPolicy        = text{"%s is no policy; nothing was sent", "%s 不是合法的用印策略；未发送任何内容"}
	msgFileMissing      = text{"there is no file %s", "文件 %s 不存在"}
	msgFileRead         = text{"reading %s: %s", "读取 %s 失败：%s"}
	msgFileTooLarge     = text{"%s has more than %d bytes", "%s 超过 %d 字节"}
	msgFileExists       = text{"%s exists: name another file, or say --force", "%s 已存在：请换一个文件名，或使用 --force"}
	msgFileNotRegular   = text{"%s is no regular file and would be replaced, not written to", "%s 不是普通文件，写入会将其替换"}
	msgFileWrite        = text{"writing %s: %s", "写入 %s 失败：%s"}

	msgNoSocket       = text{"signetd does not listen: there is no socket %s", "signetd 未在监听：套接字 %s 不存在"}
	msgNobodyListens  = text{"signetd does not run: nobody listens on %s", "signetd 未运行：%s 无人监听"}
	msgNotPermitted   = text{"this account may not use %s: it is for group %s", "本账户无权使用 %s：仅限用户组 %s"}
	msgNeitherSocket  = text{"this account may use neither %s nor %s: they are for groups %s and %s", "本账户无权使用 %s 和 %s：分别限于用户组 %s 和 %s"}
	msgNoAnswer       = text{"signetd did not answer in time on %s", "signetd 未在规定时间内应答（%s）"}
	msgUnreachable    = text{"signetd cannot be reached on %s: %s", "无法通过 %s 连接 signetd：%s"}
	msgLost           = text{"the connection ended before the answer came: whether this was carried out is not known", "连接在应答到达之前中断：请求是否已执行未知"}
	msgDeadline       = text{"signetd did not answer in time; what was asked for may have been done", "signetd 未在规定时间内应答；请求可能已经执行"}
	msgOutcomeUnknown = text{"the connection ended before the answer came: whether the act took effect is not known", "连接在应答到达之前中断：管理指令是否生效未知"}

	msgDone             = text{"%s: done, event %d", "%s：已执行，审计记录 %d"}
	msgDoneUnsigned     = text{"%s: done, event %d (unsigned)", "%s：已执行，审计记录 %d（未签名）"}
	msgInitialised      = text{"appliance %s begins; mode is %s", "设备 %s 已初始化；运行模式 %s"}
	msgGenesis          = text{"authority %s, crypto %s, deployment %s", "授权方式 %s，密码算法 %s，部署方式 %s"}
	msgLogAt            = text{"%d events, root %s", "%d 条审计记录，根 %s"}
	msgDaemon           = text{"version %s, pid %d, started %s", "版本 %s，进程 %d，启动于 %s"}
	msgSynced           = text{"synchronised", "已同步"}
	msgUnsynced         = text{"not synchronised", "未同步"}
	msgSyncUnknown      = text{"synchronisation not known", "同步状态未知"}
	msgNoTokens         = text{"signetd.toml names no tokens", "signetd.toml 中没有令牌"}
	msgNotForProduction = text{"not for production", "不得用于生产"}
	msgNotPinned        = text{"module not pinned (sha256)", "接口库未校验（sha256）"}
	msgSessions         = text{"%d open of %d, %d hung", "已打开 %d，配置 %d，无响应 %d"}
	msgNoSuchToken      = text{"signetd.toml names no token %q", "signetd.toml 中没有令牌 %q"}
	msgNoKeys           = text{"no keys yet: signetctl key create --help", "尚无密钥：见 signetctl key create --help"}
	msgNoSeals          = text{"no seals yet", "尚无电子印章"}
	msgRevision         = text{"rev. %d", "修订 %d"}
	msgRevisionBy       = text{"%d, by event %d", "%d（审计记录 %d）"}
	msgHold             = text{"%s (by %s, from %s, lifted by %s)", "%s（由 %s 作出，自 %s 起，可由 %s 解除）"}
	msgPublicKeyWritten = text{"public key (%s) of %s written to %s", "公钥（%s，%s）已写入 %s"}

	msgNoInput        = text{"nothing to look at: name a FILE, or one of --file, --digest and --sm2-e", "未指定内容：请给出 FILE，或 --file、--digest、--sm2-e 之一"}
	msgOneKind        = text{"%s and %s do not go together: one run takes files or one value", "%s 与 %s 不能同时使用：一次只处理若干文件或一个值"}
	msgNoPath         = text{"--%s has an empty value", "--%s 的值为空"}
	msgInputAmong     = text{"standard input (-) cannot stand among several files: give it a run of its own", "标准输入（-）不能与其他文件同时使用：请单独执行一次"}
	msgInputTwice     = text{"standard input (-) can be read for one thing only", "标准输入（-）只能用于一项内容"}
	msgTwice          = text{"%s is named twice", "%s 重复出现"}
	msgSamePlace      = text{"%s is the place of more than one of the %d signatures: use {} in -o, like -o {}.sig", "%s 将用于 %d 个签名中的多个：请在 -o 中使用 {}，例如 -o {}.sig"}
	msgOneDocument    = text{"--%s is of one document, and this run has %d", "--%s 只对应一个文件，而本次有 %d 个"}
	msgDocSM3         = text{"--doc-sm3 is %q: want the 64 hexadecimal digits of an SM3", "--doc-sm3 的值为 %q：应为 SM3 的 64 位十六进制数字"}
	msgDeadlineFlag   = text{"--deadline is %s: want 1ms or more, up to 49 days", "--deadline 为 %s：应不小于 1ms 且不超过 49 天"}
	msgRequestIDLong  = text{"--request-id %s is too long for %d requests: at most %d characters", "--request-id %s 过长：分为 %d 个请求时最多 %d 个字符"}
	msgTooLarge       = text{"%s does not fit one request of %d bytes: sign it by --file", "%s 超出一次请求的 %d 字节：请用 --file 签名"}
	msgMessageSize    = text{"%s is sent whole, and must have 1 to %d bytes: what is longer is signed by --file, but not with ED25519", "%s 须整体发送，长度应为 1 至 %d 字节：更长的请用 --file（ED25519 除外）"}
	msgNotSM2         = text{"--sm2-e is for SM2-SM3: %s signs --digest or --file", "--sm2-e 只用于 SM2-SM3：%s 应使用 --digest 或 --file"}
	msgDigestOfSM2    = text{"SM2 does not sign a plain digest: use --file, or --sm2-e with SM3(ZA || file)", "SM2 不对普通摘要签名：请用 --file，或用 --sm2-e 给出 SM3(ZA || 文件)"}
	msgDigestOfNone   = text{"%s signs the document itself, not a digest: use --file", "%s 对文件本身而非摘要签名：请用 --file"}
	msgValueLength    = text{"--%s has %d bytes: want %d for %s", "--%s 为 %d 字节：应为 %d 字节（%s）"}
	msgHex            = text{"--%s is %q: want hexadecimal digits, two for each byte", "--%s 的值为 %q：应为十六进制数字，每字节两位"}
	msgBinary         = text{"der is binary: name a file with -o, or choose --format base64 or hex", "der 为二进制：请用 -o 指定文件，或选择 --format base64 或 hex"}
	msgNotListed      = text{"%s is not among the entries whose policy names this account", "%s 的用印策略未列出本账户，或该条目不存在"}
	msgNoAlgorithm    = text{"the policy of %s allows no algorithm of its key", "%s 的用印策略未允许其密钥的任何算法"}
	msgWhichAlgorithm = text{"%s can sign in several ways: choose with --algorithm, one of %s", "%s 可用多种算法：请用 --algorithm 从 %s 中选择"}
	msgAlgorithmKey   = text{"%s does not fit %s, whose key is %s", "%s 不适用于 %s（密钥类型为 %s）"}
	msgNoKeyToVerify  = text{"the signature is not given out: the public key of %s is not listed, so it cannot be verified (event %d)", "签名未输出：未取得 %s 的公钥，无法验证（审计记录 %d）"}
	msgDoesNotVerify  = text{"the signature is not given out: it does not verify with the public key of %s (event %d)", "签名未输出：用 %s 的公钥验证不通过（审计记录 %d）"}
	msgOnScreen       = text{"standard output", "标准输出"}
	msgSigned         = text{"%s (%s, %d bytes)", "%s（%s，%d 字节）"}
	msgOf             = text{"%d of %d", "%d / %d"}
	msgItem           = text{"%s was not signed; %d of %d are signed and written", "%s 未签名；共已签名并写出 %d / %d 个"}
	msgNoneFor        = text{"none of the %d of this request was signed: refused for item %d (%s)", "本次请求的 %d 个均未签名：因第 %d 个（%s）被拒绝"}
	msgDoneOf         = text{"%d of %d are signed and written", "已签名并写出 %d / %d 个"}
	msgNoneOf         = text{"none of the %d of this request was signed", "本次请求的 %d 个均未签名"}
	msgDoneBefore     = text{"%d of %d were signed and written before", "此前已签名并写出 %d / %d 个"}
	msgHashing        = text{"reading %s: %d MB (%d of %d)", "正在读取 %s：%d MB（%d / %d）"}
	msgHashingPart    = text{"reading %s: %d %%, %d MB (%d of %d)", "正在读取 %s：%d %%，%d MB（%d / %d）"}
	msgRepeated       = text{"the recorded answer of request id %s", "请求标识 %s 的已记录应答"}

	msgNoKey           = text{"name the ENTRY whose key signed, or its public key with --public-key", "请给出签名所用的条目 ENTRY，或用 --public-key 指定公钥"}
	msgNoSignature     = text{"--signature is missing: beside --%s there is no file to look for", "缺少 --signature：--%s 没有对应的签名文件"}
	msgOneSignature    = text{"--signature %s is one file for %d documents: use {}, like {}.sig", "--signature %s 只是一个文件，却有 %d 个文件待验证：请使用 {}，例如 {}.sig"}
	msgSignatureFormat = text{"%s is no signature in %s", "%s 不是 %s 格式的签名"}
	msgBadPublicKey    = text{"%s is no public key in PEM: %s", "%s 不是 PEM 公钥：%s"}
	msgVerifyFailed    = text{"%d of %d signatures do not verify", "验证不通过 %d 个，共 %d 个签名"}

	msgWatch    = text{"--watch is %s: want %s or more", "--watch 为 %s：应不小于 %s"}
	msgWatching = text{"%s, every %s; Ctrl-C ends", "%s，每 %s 刷新；Ctrl-C 结束"}
	msgNoStatus = text{"no status: ", "无状态："}
	msgEvents   = text{"%d events", "%d 条审计记录"}

	msgNoEvents    = text{"no such events", "没有符合条件的审计记录"}
	msgNoSuchEvent = text{"there is no event %d: the log has %d", "没有审计记录 %d：日志共 %d 条"}
	msgBadSeq      = text{"%q is no event: want its number", "%q 不是审计记录序号：应为数字"}
	msgLimit       = text{"--limit is %d: want 0 (all) or more", "--limit 为 %d：应为 0（全部）或更大"}
	msgBadLog      = text{"signetd gave something that is not event %d of a log", "signetd 给出的不是日志的第 %d 条审计记录"}
	msgLogPartial  = text{"only the events of what you keep are shown", "仅显示您所保管条目的审计记录"}
	msgEventHidden = text{"event %d is not about what you keep", "第 %d 条审计记录不涉及您所保管的条目"}
	msgLogCut      = text{"the log could not be read to its end: %s", "未能读完日志：%s"}

	msgContent          = text{"content of the act, whose SM3 is the content_sha of the act:", "管理指令内容（SM3 与指令中的 content_sha 一致）："}
	msgContentNothing   = text{"nothing besides its kind and target", "除类别和对象外无其他内容"}
	msgContentUnknown   = text{"this program does not know its form; as it is:", "本程序不认识其格式，原样列出："}
	msgContentPolicy    = text{"policy, as it was set:", "用印策略正文："}
	msgContentNotKept   = text{"the content of this act is not kept: the act did not take effect", "该管理指令未生效，其内容未保存"}
	msgContentMissing   = text{"signetd does not have the content of the act of event %d, SM3 %s", "signetd 没有审计记录 %d 的管理指令内容，SM3 为 %s"}
	msgContentOther     = text{"what signetd gave is not shown: its SM3 is %s, want %s", "signetd 给出的内容不予显示：其 SM3 为 %s，应为 %s"}
	msgActUnread        = text{"the act of event %d is not in a form that this program reads; its content was not looked at", "审计记录 %d 的管理指令格式无法识别，未查看其内容"}
	msgHoldOnly         = text{"the only one", "唯一的一条"}
	msgNoTranscript     = text{"%s names no transcript of a ceremony", "条目 %s 没有生成过程记录"}
	msgTranscriptLost   = text{"signetd does not have the transcript that %s names, SM3 %s", "signetd 没有条目 %s 的生成过程记录，SM3 为 %s"}
	msgTranscriptUnread = text{"what %s names as transcript is none that this program reads", "条目 %s 的生成过程记录格式无法识别"}
	msgNotTogether      = text{"--%s and --%s do not go together", "--%s 与 --%s 不能同时使用"}

	msgUnknownCode = text{"signetd refused with a code that this program does not know", "signetd 以本程序不认识的代码拒绝"}
	aboutCode      = text{"code %d %s", "代码 %d %s"}
	aboutField     = text{"field %s", "字段 %s"}
	aboutRule      = text{"rule %s", "规则 %s"}
	aboutEvent     = text{"event %d", "审计记录 %d"}
	aboutCounted   = text{"counted with event %d", "与审计记录 %d 合并计数"}
	retryNever     = text{"do not repeat it unchanged", "请勿原样重试"}
	retryNow       = text{"try again", "可立即重试"}
	retryLater     = text{"try again later", "可稍后重试"}
	retryAt        = text{"try again after %s", "%s 之后可重试"}
	retryIn        = text{"try again in %s", "%s 后可重试"}
)

// What to type next. {entry} is what the verb is about.
var (
	hintService     = text{"systemctl status signetd signetd-admin.socket signetd-audit.socket signetd-sign.socket", "systemctl status signetd signetd-admin.socket signetd-audit.socket signetd-sign.socket"}
	hintGroups      = text{"usermod -aG %s %s (officers) or usermod -aG %s %s (auditors), as root, then log in anew", "以 root 执行 usermod -aG %s %s（管理人员）或 usermod -aG %s %s（审计管理员），然后重新登录"}
	hintGroup       = text{"usermod -aG %s %s (as root), then log in anew", "usermod -aG %s %s（以 root 执行），然后重新登录"}
	hintLog         = text{"signetctl log list --limit 5", "signetctl log list --limit 5"}
	hintRepeat      = text{"repeat it with the same --request-id, if it had one: nothing is spent twice", "如带有 --request-id，请以同一标识重试：不会重复消耗次数"}
	hintKeyCreate   = text{"signetctl key create ENTRY --token TOKEN --type SM2", "signetctl key create ENTRY --token TOKEN --type SM2"}
	hintPolicySet   = text{"signetctl policy set %s FILE", "signetctl policy set %s FILE"}
	hintPolicyShow  = text{"signetctl policy show %s", "signetctl policy show %s"}
	hintActivate    = text{"signetctl key activate %s", "signetctl key activate %s"}
	hintSign        = text{"signetctl sign %s --file FILE --purpose PURPOSE -o FILE.sig", "signetctl sign %s --file FILE --purpose PURPOSE -o FILE.sig"}
	hintResume      = text{"signetctl key resume %s", "signetctl key resume %s"}
	hintShow        = text{"signetctl key show %s", "signetctl key show %s"}
	hintTokens      = text{"signetctl token list", "signetctl token list"}
	hintTokenStatus = text{"signetctl token status %s", "signetctl token status %s"}
	hintStatus      = text{"signetctl status", "signetctl status"}
	hintEvents      = text{"signetctl log list --entry %s (as an auditor): which values were signed", "signetctl log list --entry %s（由审计管理员执行）：查看签过哪些值"}
	hintKeyFile     = text{"signetctl key show %s --public-key FILE (as an officer): make sure of the key", "signetctl key show %s --public-key FILE（由管理人员执行）：确认公钥无误"}
	hintHelp        = text{"%s --help", "%s --help"}
	hintLeaf        = text{"signetctl log show %d --json", "signetctl log show %d --json"}
	hintEvent       = text{"signetctl log show %d", "signetctl log show %d"}
	hintNotListed   = text{"signetctl policy show %s (as an officer); or run this as an account that it names", "signetctl policy show %s（由管理人员执行）；或改用策略中列出的账户"}
)

// wordYes and wordNo answer questions.
var (
	wordYes = text{"yes", "是"}
	wordNo  = text{"no", "否"}
)

// words are the daemon's own words for people.
var words = map[string]struct {
	text text
	tone screen.Tone
}{
	"serving":       {text{"serving", "正常服务"}, screen.Good},
	"degraded":      {text{"degraded", "部分可用"}, screen.Warn},
	"poisoned":      {text{"poisoned", "存储不可信"}, screen.Bad},
	"recovery":      {text{"recovery", "待恢复"}, screen.Bad},
	"uninitialised": {text{"uninitialised", "未初始化"}, screen.Warn},
	"pending":       {text{"pending", "待启用"}, screen.Warn},
	"active":        {text{"active", "已启用"}, screen.Good},
	"suspended":     {text{"suspended", "已停用"}, screen.Bad},
	"superseded":    {text{"superseded", "已重新制作"}, screen.Dim},
	"cancelled":     {text{"cancelled", "已注销"}, screen.Dim},
	"invalid":       {text{"invalid", "无效"}, screen.Bad},
	"up":            {text{"up", "可用"}, screen.Good},
	"down":          {text{"down", "不可用"}, screen.Bad},
	"latched":       {text{"latched", "PIN 已锁存"}, screen.Bad},
	"connecting":    {text{"connecting", "连接中"}, screen.Warn},
	"sane":          {text{"sane", "正常"}, screen.Good},
	"behind":        {text{"behind", "落后"}, screen.Bad},
	"jumped":        {text{"jumped", "跳变"}, screen.Bad},
	"unknown":       {text{"unknown", "未知"}, screen.Warn},
	"allowed":       {text{"allowed", "允许"}, screen.Good},
	"refused":       {text{"refused", "拒绝"}, screen.Bad},
	"failed":        {text{"failed", "失败"}, screen.Bad},
	"valid":         {text{"passed", "验证通过"}, screen.Good},
	"bad":           {text{"failed", "验证不通过"}, screen.Bad},
	"open":          {text{"indeterminate", "无法判定"}, screen.Warn},
	"key":           {text{"key", "密钥"}, screen.Plain},
	"seal":          {text{"seal", "电子印章"}, screen.Plain},
	"ceremony":      {text{"ceremony, witnessed here", "本机生成并见证"}, screen.Plain},
	"held":          {text{"held", "符合要求"}, screen.Good},
	"broken":        {text{"broken", "不符合要求"}, screen.Bad},
	"noted":         {text{"noted", "仅记录"}, screen.Plain},
	"not tried":     {text{"not tried", "未能检查"}, screen.Warn},
	"does":          {text{"does", "支持"}, screen.Good},
	"does not":      {text{"does not", "不支持"}, screen.Bad},
	"not known":     {text{"not known", "未能确定"}, screen.Warn},
	"listed":        {text{"listed", "已列出"}, screen.Plain},
	"not listed":    {text{"not listed", "未列出"}, screen.Plain},
	"not told":      {text{"not told", "未告知"}, screen.Warn},
	"digest":        {text{"digest", "摘要"}, screen.Plain},
	"message":       {text{"message", "消息"}, screen.Plain},
	"adopted":       {text{"adopted, made elsewhere", "外部生成后纳管"}, screen.Warn},

	"development":      {text{"development (acts unsigned)", "development（管理指令未签名）"}, screen.Warn},
	"officers":         {text{"officers (acts signed)", "officers（管理指令须签名）"}, screen.Good},
	"administrator":    {text{"administrator", "系统管理员"}, screen.Plain},
	"security-officer": {text{"security officer", "安全管理员"}, screen.Plain},
	"auditor":          {text{"auditor", "审计管理员"}, screen.Plain},
	"custodian":        {text{"custodian", "印章保管人"}, screen.Plain},
	"proven":           {text{"proven by the acts that made it", "已由管理指令证明"}, screen.Good},
	"unproven":         {text{"NOT PROVEN, not used", "未能证明，不予使用"}, screen.Bad},
	"not proven yet":   {text{"not looked at yet", "尚未核验"}, screen.Warn},
	"egov":             {text{"e-government CA", "电子政务电子认证机构"}, screen.Plain},
	"licensed":         {text{"licensed CA", "依法设立的电子认证机构"}, screen.Plain},
	"internal":         {text{"internal CA", "内部 CA"}, screen.Plain},

	"widens":      {text{"WIDENS", "放宽"}, screen.Warn},
	"narrows":     {text{"narrows", "收紧"}, screen.Good},
	"neither":     {text{"neither", "不影响"}, screen.Dim},
	"not decided": {text{"pending", "待决定"}, screen.Warn},
	"granted":     {text{"granted", "已授权"}, screen.Good},
	"used up":     {text{"used up", "已用完"}, screen.Dim},
	"denied":      {text{"denied", "已拒绝"}, screen.Bad},
	"revoked":     {text{"revoked", "已撤回"}, screen.Bad},
	"expired":     {text{"expired", "已过期"}, screen.Dim},
	"document":    {text{"document", "文件"}, screen.Plain},
	"references":  {text{"references", "引用清单"}, screen.Plain},
	"digests":     {text{"digests", "待签值"}, screen.Plain},
	"count":       {text{"count", "次数"}, screen.Warn},
}

// causeTexts say why a signature does not verify, as far as can be told. The
// algorithm is the argument.
var causeTexts = map[finding]text{
	plainSM3:        {"%s: plain SM3(file) was signed as if it were e; e is SM3(ZA || file), and nobody but openssl pkeyutl takes this for a signature of the file", "%s：签名针对的是普通 SM3(文件)，它被当作 e 使用；e 应为 SM3(ZA || 文件)，除 openssl pkeyutl 外不会被认作该文件的签名"},
	digestAsMessage: {"%s: SM3(file) was signed as a message (as OFD signatures of Type Sign are), not the file itself", "%s：签名把 SM3(文件) 当作消息（如 OFD 中 Type 为 Sign 的签名），而不是文件本身"},
	rawRS:           {"%s: r and s stand one behind the other; it would verify as DER, which is what is written everywhere else", "%s：r 与 s 直接拼接；改写为通用的 DER 编码即可验证通过"},
	notDER:          {"%s: the signature is not strict DER: cut off, with something behind it, or encoded wrongly", "%s：签名不是严格的 DER 编码：被截断、带有多余字节或编码有误"},
	otherAlgorithm:  {"it was made with %s, not with the algorithm that was asked for", "签名实际使用的算法为 %s，并非所指定的算法"},
	noMatch:         {"key, file and signature do not belong together: one of them is another one, or was changed", "公钥、文件与签名不匹配：其中之一不是原来的，或已被改动"},
}

// modeTexts say what a mode means.
var modeTexts = map[string]text{
	"serving":       {"all tokens are up; requests are decided and signed", "全部令牌可用；正常判定并签名"},
	"degraded":      {"some token is out; its keys are refused with hsm_unavailable, the others sign", "部分令牌不可用；其中的密钥以 hsm_unavailable 拒绝，其余正常签名"},
	"poisoned":      {"a sync of the store failed; nothing is signed until the disk is mended and an act clears this", "存储写入未能落盘；磁盘修复并以管理指令解除之前不再签名"},
	"recovery":      {"the store is missing, older than it was, or not this appliance's; nothing is signed until officers decide", "存储缺失、较旧或不属于本设备；管理人员决定之前不再签名"},
	"uninitialised": {"there is no store yet; only status and init are answered", "尚无存储；只应答状态查询和初始化"},
}

// A codeText is what a code of the table of errors means to people, and what
// to type next.
type codeText struct{ what, next text }

var (
	hintMode    = text{"signetctl mode show", "signetctl mode show"}
	hintEntry   = text{"signetctl key show {entry}", "signetctl key show {entry}"}
	hintRules   = text{"signetctl policy show {entry}", "signetctl policy show {entry}"}
	hintDevices = text{"signetctl token list", "signetctl token list"}
	hintCommand = text{"signetctl --help", "signetctl --help"}
	hintOfficer = text{"%s (as an officer)", "%s（由管理人员执行）"}
	hintAnew    = text{"the same command again: it makes a new act", "重新执行同一命令：会生成新的管理指令"}
	hintFreshID = text{"the same command with a fresh --request-id", "换一个新的 --request-id 再执行"}
	hintTime    = text{"timedatectl, then: signetctl mode clear --accept-clock", "先检查 timedatectl，再执行：signetctl mode clear --accept-clock"}
	hintPIN     = text{"signetctl token status NAME, which says how to mend the credential (as an officer)", "signetctl token status NAME，其中说明如何改正凭据（由管理人员执行）"}
	hintWho     = text{"signetctl officer list (who signs), or id (the groups of this account)", "signetctl officer list（谁可签名），或 id（本账户所属组）"}
)

// bareHints are the commands alone of hints that say more: a program is given
// these. Empty: there is no command.
var bareHints = map[text]string{
	hintGroup:           "usermod -aG %s %s",
	hintGroups:          "usermod -aG %[1]s %[2]s",
	hintRepeat:          "",
	hintAnew:            "",
	hintFreshID:         "",
	hintEvents:          "signetctl log list --entry %s",
	hintKeyFile:         "signetctl key show %s --public-key FILE",
	hintNotListed:       "signetctl policy show %s",
	hintTime:            "timedatectl",
	hintPIN:             "signetctl token status NAME",
	hintWho:             "signetctl officer list",
	hintWholeLog:        "signetctl officer list",
	hintActSign:         "signetctl act sign {act} --sign KEYFILE",
	hintActFile:         "signetctl act sign %[1]s --sign KEYFILE",
	hintAgain:           "signetctl act list",
	hintBackup:          "signetctl backup -o FILE",
	hintWide:            "signetctl policy diff %s %s",
	hintPolicyMend:      "signetctl policy set %s %s",
	hintApprovalRequest: "signetctl approval request {entry} --help",
	hintApprovalOwn:     "signetctl approval show %s",
}

// codeTexts has every code of protocol.
var codeTexts = map[protocol.Code]codeText{
	protocol.Malformed:         {text{"the request is malformed", "请求格式有误"}, hintCommand},
	protocol.TooLarge:          {text{"the request is too large", "请求过大"}, hintCommand},
	protocol.UnknownField:      {text{"signetd does not know a field of the request: it is older than this program", "signetd 不认识请求中的字段：其版本早于本程序"}, hintStatus},
	protocol.Unsupported:       {text{"this signetd does not do that", "此 signetd 不支持该功能"}, hintStatus},
	protocol.DigestLength:      {text{"the digest has the wrong length for its algorithm", "摘要长度与算法不符"}, hintEntry},
	protocol.AlgorithmMismatch: {text{"the algorithm does not fit the entry's key", "算法与条目密钥不符"}, hintEntry},
	protocol.RequestIDReused:   {text{"this request id stands for another request", "该请求标识已用于其他请求"}, hintFreshID},
	protocol.BatchTooLarge:     {text{"too many items in one request", "一次请求的项目过多"}, hintRules},
	protocol.InputKindRequired: {text{"this algorithm signs another kind of input", "该算法要求另一种输入"}, text{"signetctl sign {entry} --file FILE", "signetctl sign {entry} --file FILE"}},
	protocol.SignTime:          {text{"the signing time is not now", "签章时间与当前时间不符"}, hintStatus},
	protocol.NotASCII:          {text{"a field has characters outside ASCII", "字段含有非 ASCII 字符"}, hintCommand},

	protocol.UnknownEntry:          {text{"not found", "未找到"}, text{"signetctl key list", "signetctl key list"}},
	protocol.NotACaller:            {text{"this account may not use the entry", "本账户无权使用该条目"}, hintRules},
	protocol.OperationRefused:      {text{"the policy does not allow this operation", "用印策略不允许此操作"}, hintRules},
	protocol.AlgorithmRefused:      {text{"the policy does not allow this algorithm", "用印策略不允许此算法"}, hintRules},
	protocol.VersionRefused:        {text{"the policy does not allow this version of the seal format", "用印策略不允许此印章格式版本"}, hintRules},
	protocol.PurposeRefused:        {text{"the policy does not allow this purpose", "用印策略不允许此用途"}, hintRules},
	protocol.NotActive:             {text{"the entry is not active", "台账条目未启用或已停用"}, hintEntry},
	protocol.OutsideValidity:       {text{"the entry is outside its validity", "不在条目有效期内"}, hintEntry},
	protocol.OutsideHours:          {text{"the policy does not allow use at this hour", "当前时间不在允许用印的时段内"}, hintRules},
	protocol.QuotaSpent:            {text{"the quota is spent", "用印次数限额已用完"}, hintRules},
	protocol.RateExceeded:          {text{"too many uses in this span", "该时段内用印过于频繁"}, hintRules},
	protocol.ApprovalNeeded:        {text{"an approval is needed, or is not granted yet", "须有用印授权，或者授权尚未给予"}, hintApprovalRequest},
	protocol.ApprovalDenied:        {text{"the approval allows no such use, or is none that may be asked for", "用印授权不允许此次用印，或者不允许申请此授权"}, hintApprovalRequest},
	protocol.CertInvalid:           {text{"the signing certificate is not valid", "签名证书无效"}, hintEntry},
	protocol.SealOutlivesCert:      {text{"the seal would outlive its certificate", "印章有效期超过证书有效期"}, hintEntry},
	protocol.KeyMismatch:           {text{"the token's key is not the one of the register", "令牌中的密钥与台账不符"}, hintEntry},
	protocol.ClockBehind:           {text{"the clock is behind the log", "时钟落后于审计日志"}, hintStatus},
	protocol.SignerNotInSeal:       {text{"the certificate is not among the seal's signers", "证书不在印章的签章人之列"}, hintEntry},
	protocol.OpNotForSeal:          {text{"a seal's key signs stamps and nothing else", "印章密钥只用于电子签章"}, hintEntry},
	protocol.SESStructureInMessage: {text{"the message is seal or stamp data, which only a seal may sign", "待签内容是印章或签章数据，只能由印章签署"}, hintCommand},
	protocol.ContextRequired:       {text{"the policy wants more said about the document", "用印策略要求提供更多文件信息"}, hintRules},
	protocol.SealMustBeRemade:      {text{"the seal must be made anew", "印章须重新制作"}, hintEntry},
	protocol.CertIsEncryption:      {text{"the certificate is for encryption, not for signing", "证书是加密证书而非签名证书"}, hintEntry},
	protocol.Changed:               {text{"the entry changed while this was signed", "签名过程中条目发生变化"}, hintEntry},
	protocol.RecordUnproven:        {text{"the entry's record does not prove itself and is not used", "条目记录无法自证，不予使用"}, text{"signetctl log list --entry {entry}", "signetctl log list --entry {entry}"}},
	protocol.ClockJumped:           {text{"the clock jumped forward", "时钟向前跳变"}, hintTime},
	protocol.ContainerRefused:      {text{"the document is of a container that the policy does not allow", "用印策略不允许该文档格式"}, hintRules},

	protocol.Busy:               {text{"signetd has its hands full", "signetd 繁忙"}, hintStatus},
	protocol.DeadlineExceeded:   {text{"signetd could not answer in time", "signetd 未能在期限内完成"}, hintDevices},
	protocol.ShuttingDown:       {text{"signetd is stopping", "signetd 正在停止"}, hintStatus},
	protocol.TooManyConnections: {text{"too many connections", "连接过多"}, hintStatus},

	protocol.HSMUnavailable: {text{"the token is not available", "令牌不可用"}, hintDevices},
	protocol.HSMFailed:      {text{"the crypto module failed", "密码设备执行失败"}, hintDevices},
	protocol.BadSignature:   {text{"the crypto module gave a signature that does not verify; it was destroyed", "密码设备给出的签名验证不通过，已销毁"}, hintDevices},
	protocol.PINLatched:     {text{"the token's PIN was refused and is not tried again", "令牌 PIN 被拒绝，不再尝试"}, hintPIN},

	protocol.StoreFull:     {text{"the store is full", "存储已满"}, hintStatus},
	protocol.Poisoned:      {text{"nothing is signed: a sync of the store failed", "已停止签名：存储写入未能落盘"}, hintMode},
	protocol.Recovery:      {text{"nothing is signed: the store needs recovery", "已停止签名：存储需要恢复"}, hintMode},
	protocol.Uninitialised: {text{"this appliance is not initialised", "本设备尚未初始化"}, text{"signetctl init CEREMONY.toml --plan", "signetctl init CEREMONY.toml --plan"}},

	protocol.RoleRefused:       {text{"this account or role may not do that", "该账户或角色无权执行此操作"}, hintWho},
	protocol.TooFew:            {text{"more officers have to sign", "还需更多管理人员签名"}, hintActSign},
	protocol.DuplicateSigner:   {text{"one person signed twice", "同一人签名两次"}, hintOfficerList},
	protocol.ActExpired:        {text{"the act has expired", "管理指令已过期"}, hintAnew},
	protocol.ActReplayed:       {text{"the act was applied before", "管理指令已经执行过"}, hintLog},
	protocol.OtherAppliance:    {text{"the act is for another appliance", "管理指令属于其他设备"}, hintStatus},
	protocol.BadActSignature:   {text{"a signature on the act does not verify", "管理指令上的签名验证不通过"}, hintOfficerList},
	protocol.IllegalTransition: {text{"the entry's state does not allow that", "条目当前状态不允许此操作"}, hintEntry},
	protocol.Conflict:          {text{"that conflicts with what is there", "与现有状态冲突"}, hintStatus},

	protocol.Internal: {text{"a fault inside signetd", "signetd 内部错误"}, text{"journalctl -u signetd -n 50", "journalctl -u signetd -n 50"}},
}

// fieldTexts say what the fields of an event mean.
var fieldTexts = map[string]text{
	"v": {"version of the event's form", "记录格式版本"}, "epoch": {"of this log", "日志纪元"},
	"seq": {"index in the log", "序号"}, "kind": {"what it is about", "类别"},
	"decided": {"time that was decided on", "判定所用时间"}, "recorded": {"time of recording", "记录时间"},
	"clock": {"the kernel on its clock", "内核对时钟的判断"},
	"uid":   {"who asked", "请求者 uid"}, "gid": {"and his group", "请求者 gid"}, "gids": {"and further groups", "附加组"},
	"pid": {"process, as evidence", "进程号，仅作旁证"}, "unit": {"systemd unit", "systemd 单元"},
	"request_id": {"the caller's id", "请求标识"}, "call": {"number of the call", "调用编号"},
	"batch": {"item, of how many", "批次序号与总数"}, "purpose": {"declared purpose", "声明的用途"},
	"container": {"declared container", "声明的文档格式"}, "doc_id": {"document's id", "文件标识"},
	"doc_no": {"document's number", "文件编号"}, "doc_sm3": {"SM3 of the unsigned file, declared", "未签文件的 SM3（声明）"},
	"refs_sm3": {"SM3 of the OFD references", "OFD 引用清单的 SM3"}, "pages": {"pages", "页数"},
	"approval_ref": {"approval in the caller's system", "应用系统中的审批编号"},
	"user_id":      {"person, declared", "用印申请人（声明）"}, "dept": {"department, declared", "部门（声明）"},
	"user_name": {"private: SM3 of salt and name", "私密：盐与姓名的 SM3"},
	"doc_title": {"private: SM3 of salt and title", "私密：盐与标题的 SM3"},
	"client_ip": {"private: SM3 of salt and address", "私密：盐与地址的 SM3"},
	"entry":     {"entry", "台账条目"}, "rev": {"revision of its record", "条目修订"},
	"generation": {"making of the seal", "印章版次"}, "signer": {"hash of certificate or key", "证书或公钥的杂凑值"},
	"token": {"where it was signed", "签名所用令牌"}, "op": {"operation or act", "操作或管理指令"},
	"alg": {"algorithm", "算法"}, "input": {"kind of input", "输入种类"}, "value": {"what the key signed, or SM3 of what input names", "密钥所签的值，或 input 所指内容的 SM3"},
	"doc_hash": {"the caller's document hash", "应用系统给出的文件杂凑值"},
	"property": {"property of the stamp", "签章属性"}, "sign_time": {"signing time", "签章时间"},
	"version": {"of program or format", "程序或格式版本"}, "stamps": {"stamps already in the file", "文件中已有签章数"},
	"policy_rev": {"revision of the policy", "用印策略修订"}, "engine": {"version of the rules", "判定引擎版本"},
	"local": {"zone offset used, seconds", "所用时区偏移（秒）"}, "use": {"spent, reserved, limit", "已用、预留、限额"},
	"approval": {"approval named", "所指用印授权"}, "crl": {"CRL looked at", "所查 CRL"},
	"given": {"the approval as it was decided on", "判定时的用印授权"}, "crl_made": {"when that CRL was made", "所查 CRL 的签发时间"},
	"zones":  {"edition of the time zones that decisions go by", "判定所用时区数据的版本"},
	"but":    {"what was not as a use wants it", "不符合用印条件之处"},
	"result": {"outcome", "结果"}, "reason": {"name of the code", "理由（代码名称）"}, "rule": {"rule that decided", "判定规则"},
	"sig": {"the signature, base64", "签名值，base64"},
	"act": {"the act", "管理指令"}, "act_sigs": {"signatures on it", "管理指令上的签名"}, "role": {"in which role", "以何角色"},
	"opcode": {"code of GB/T 33560", "GB/T 33560 操作代码"}, "prev_act": {"event of the act before", "上一条管理指令的审计记录"},
	"count": {"how many it stands for", "所代表的次数"}, "first": {"the first of them", "其中最早"}, "last": {"the last of them", "其中最晚"},
}

// What a token does, by trying.
var (
	flagMechanisms = text{"try what the token really does", "实测令牌实际支持的机制"}

	headSignsWhat = text{"signs", "签名对象"}
	headFinding   = text{"tried", "实测"}
	headClaim     = text{"in its list", "令牌自述"}
	headTook      = text{"took", "用时"}
	headEncoding  = text{"form", "编码"}
	headWhyNot    = text{"why not", "原因"}
	headOtherwise = text{"other than its list says", "与自述不符"}

	msgKeyPair      = text{"the key pair", "生成密钥对"}
	msgTrying       = text{"the token makes a key of every type and signs with it", "令牌正在逐种生成密钥并签名"}
	msgTrialDone    = text{"%d signatures in %s, with keys that ended with their session; event %d", "共签名 %d 次，用时 %s，所用密钥已随会话结束；审计记录 %d"}
	msgMaxMessage   = text{"%s signs messages of up to %d bytes in one piece, as far as was tried", "%s 一次可签消息的长度（已实测）：%d 字节"}
	msgListedNot    = text{"%s: listed, and not done", "%s：已列出，但不支持"}
	msgDoneUnlisted = text{"%s: done, and not listed. signetd does not ask for it until the profile has the number of %s under unlisted", "%s：支持，但未列出。配置文件的 unlisted 中写入 %s 的编号之后 signetd 才会使用"}
)
