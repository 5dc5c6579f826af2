package main

import "signet/daemon/internal/authority"

// The words of acts, officers, certificates and backups; see catalog.go.

// kindTexts are the kinds of acts in words, as officers see what they sign.
var kindTexts = map[authority.Kind]text{
	authority.Init:             {"begin the life of an appliance", "初始化设备"},
	authority.OfficerChange:    {"change officers or thresholds", "变更管理人员或门限"},
	authority.TokenAdd:         {"add or replace a token", "增加或更换令牌"},
	authority.TokenReload:      {"load a module anew", "重新加载接口库"},
	authority.TokenMaintenance: {"take a token out for maintenance", "令牌停机维护"},
	authority.TokenSealPIN:     {"put a token's PIN into this appliance", "将令牌 PIN 存入本设备"},
	authority.TokenClearPIN:    {"let a refused PIN be tried again", "允许重新尝试令牌的 PIN"},
	authority.KeyCreate:        {"make a key", "生成密钥"},
	authority.KeyAdopt:         {"take a key made elsewhere into the register", "将外部生成的密钥纳入台账"},
	authority.KeyDestroy:       {"DESTROY a key for ever", "永久销毁密钥"},
	authority.SealMake:         {"make a seal", "制作电子印章"},
	authority.SealImport:       {"import a seal", "导入电子印章"},
	authority.EntryActivate:    {"activate an entry", "启用台账条目"},
	authority.EntrySuspend:     {"suspend an entry", "停用台账条目"},
	authority.EntryResume:      {"lift a hold of an entry", "解除停用事由"},
	authority.EntryCancel:      {"CANCEL an entry for ever", "永久注销台账条目"},
	authority.EntryInvalidate:  {"declare an entry invalid", "宣布台账条目无效"},
	authority.EntrySupersede:   {"replace a seal by a new making", "重新制作电子印章"},
	authority.CertRequest:      {"make a certificate request", "生成证书请求"},
	authority.CertImport:       {"import a certificate", "导入证书"},
	authority.CRLImport:        {"import a list of revoked certificates", "导入证书撤销列表"},
	authority.OrderImport:      {"import a stop order", "导入停用通知"},
	authority.PolicySet:        {"set a policy", "设置用印策略"},
	authority.PolicyNarrow:     {"narrow a policy", "收紧用印策略"},
	authority.ApprovalGrant:    {"grant an approval", "给予用印授权"},
	authority.ApprovalDeny:     {"deny an approval", "拒绝用印授权"},
	authority.ApprovalRevoke:   {"revoke an approval", "撤回用印授权"},
	authority.Backup:           {"make one backup", "进行一次备份"},
	authority.Restore:          {"put a backup in the place of the store", "以备份替换存储"},
	authority.StoreAccept:      {"accept a store that is OLDER than it was", "接受比已知更旧的存储"},
	authority.ClockAccept:      {"accept the clock as it is", "接受当前时钟"},
	authority.ModeClear:        {"end mode poisoned", "结束 poisoned 模式"},
	authority.LogReanchor:      {"anchor the log anew", "重新设置防回退锚点"},
	authority.LogRotateKey:     {"change the log key", "更换日志密钥"},
	authority.SelfTest:         {"run the self-test", "执行自检"},
	authority.FilingAck:        {"note that a filing was acknowledged", "登记备案回执"},
}

// Help of the verbs of this file.
var (
	helpAct = help{
		text{"acts that officers sign", "须由管理人员签名的管理指令"},
		text{`Where an appliance has officers, whatever changes something is an act, and persons sign its exact bytes. A verb that makes one signs it with --sign, --agent or --exec and hands it in; without, it writes the act to a file for others to sign. An act that needs more persons waits in signetd, in memory; its file can be handed in at any time until it expires.`,
			`设备设有管理人员时，一切变更都是管理指令，由相关人员对其原始字节签名。生成指令的命令用 --sign、--agent 或 --exec 签名并提交；不带这些选项时将指令写入文件，供他人签名。还需更多人签名的指令保存在 signetd 的内存中；在过期之前可随时提交其文件。`},
		"signetctl act list",
	}
	helpActList = help{
		text{"list the acts that wait for signatures", "列出等待签名的管理指令"},
		text{"Each with who has signed and who is missing, as signetd says. A restart of signetd forgets them: hand in the file again.", "逐条列出 signetd 所述的已签名者和尚缺者。signetd 重启后不再保留：请重新提交其文件。"},
		"signetctl act list",
	}
	helpActShow = help{
		text{"show what an act binds, or its exact bytes", "显示管理指令的内容或其原始字节"},
		text{`ACT is a file, or the first digits of the nonce of one that waits. What is shown is read from the bytes that are signed, and the content is shown if its SM3 is the one that they name.

With --bytes the exact bytes go to standard output, for a tool elsewhere: ssh-keygen -Y sign -n signet-act, or that of a UKey.`,
			`ACT 为文件，或等待签名的指令的 nonce 前几位。所显示的内容取自被签名的字节；仅当内容的 SM3 与其中所列一致时才显示。

使用 --bytes 时将原始字节写到标准输出，供其他工具签名：ssh-keygen -Y sign -n signet-act，或 UKey 工具。`},
		"signetctl act show 3f9a02c1\nsignetctl act show key.destroy-contract-3f9a02c1.act --bytes > act.bytes\nssh-keygen -Y sign -n signet-act -f ~/.ssh/id_ed25519 act.bytes",
	}
	helpActSign = help{
		text{"sign an act", "对管理指令签名"},
		text{`Shows what is signed, asks, and adds a signature. ACT that waits in signetd (the first digits of its nonce) is handed in at once, and is carried out when enough persons have signed. A file is written anew with the signature.

--sign takes an OpenSSH key file, also of a FIDO2 key (touch it when it blinks), --agent a key of ssh-agent, --exec a tool that gets the bytes on standard input and answers with a detached GB/T 35275 SignedData or an SSH signature.`,
			`显示将要签名的内容，询问之后添加签名。ACT 为 signetd 中等待的指令（nonce 前几位）时立即提交，签名人数足够即执行；为文件时将签名写入该文件。

--sign 为 OpenSSH 私钥文件，也可为 FIDO2 密钥（闪烁时请触摸）；--agent 为 ssh-agent 中的密钥；--exec 为工具，从标准输入取得待签字节，输出分离式 GB/T 35275 SignedData 或 SSH 签名。`},
		"signetctl act sign 3f9a02c1 --sign ~/.ssh/id_ed25519\nsignetctl act sign 3f9a02c1 --agent\nsignetctl act sign officer.change-3f9a02c1.act --exec ukey-sign",
	}
	helpActSubmit = help{
		text{"hand in the file of an act, with signatures made elsewhere", "提交管理指令文件及在别处生成的签名"},
		text{"Adds the signatures of the files named with --ssh and --p7 to those in FILE and hands the act in. One that needs more persons waits in signetd.", "将 --ssh 和 --p7 所列文件中的签名加入 FILE 中的签名并提交。还需更多人签名的指令在 signetd 中等待。"},
		"signetctl act submit key.destroy-contract-3f9a02c1.act --ssh act.bytes.sig --p7 wang.p7",
	}
	helpOfficer = help{
		text{"who signs acts", "管理人员"},
		text{"An officer is a person with one role and one or several keys; thresholds count persons.", "管理人员是具有一种角色和一个或多个密钥的人；门限按人数计。"},
		"signetctl officer list",
	}
	helpOfficerList = help{
		text{"list officers, their keys and the thresholds", "列出管理人员、其密钥及门限"},
		text{"One line for each key. Compare the fingerprints with the persons.", "每个密钥一行。请与本人核对指纹。"},
		"signetctl officer list\nsignetctl officer list --json | jq -r '.officers[].id'",
	}
	helpOfficerChange = help{
		text{"set, replace or remove officers, or set thresholds", "设置、更换、移除管理人员或设置门限"},
		text{`FILE has tables [officer.ID] as the ceremony has them (an officer is replaced whole), remove = ["ID", ...] and [thresholds] with all four of them; each may be left out. --plan shows officers before and after.`,
			`FILE 含与初始化文件相同的 [officer.ID] 表（整体替换该人员）、remove = ["ID", ...] 以及包含全部四项的 [thresholds]，均可省略。--plan 显示变更前后的管理人员。`},
		"signetctl officer change change.toml --plan\nsignetctl officer change change.toml --sign ~/.ssh/id_ed25519",
	}
	helpKeyAdopt = help{
		text{"take a key that is in a token already into the register", "将令牌中已有的密钥纳入台账"},
		text{"For a key that a vendor's tool made or cloned. Nobody here has seen how it was made, and its entry says so.", "用于由厂商工具生成或克隆的密钥。其生成过程未经本设备见证，条目中会注明。"},
		"signetctl key adopt contract --token seals --id 0a1b2c --title \"Contracts 2026\"",
	}
	helpKeyCancel = help{
		text{"end the life of an entry", "注销台账条目"},
		text{"Nothing is signed with it any more, and nothing takes that back. Record, certificates and log stay; so does the key, until it is destroyed.", "此后不再签名，且不可撤销。记录、证书和日志保留；密钥在销毁之前仍在令牌中。"},
		"signetctl key cancel contract --why \"replaced by contract-2027\" --plan\nsignetctl key cancel contract --why \"replaced by contract-2027\"",
	}
	helpKeyDestroy = help{
		text{"remove the key of a cancelled or pending entry from its token", "从令牌中销毁已注销或待启用条目的密钥"},
		text{"The private key is gone for ever, and no backup of this appliance has it. --plan shows the entry.", "私钥将永久消失，本设备的任何备份中都没有私钥。--plan 显示该条目。"},
		"signetctl key destroy contract --why \"end of 2026\" --plan\nsignetctl key destroy contract --why \"end of 2026\"",
	}
	helpCert = help{
		text{"certificates of an entry's key, and lists of revoked ones", "条目密钥的证书及证书撤销列表"},
		text{"signetd fetches nothing: requests go to the CA and answers come back by people.", "signetd 不会主动下载：证书请求和 CA 的应答都由人传递。"},
		"signetctl cert list contract",
	}
	helpCertRequest = help{
		text{"have an entry's key sign a certificate request", "用条目密钥生成证书请求"},
		text{"SUBJECT is written as RFC 4514 has it, the name first: CN=..,O=..,C=CN. The request goes to -o, or to standard output if it was handed in by this command. One that came of an act signed elsewhere is fetched by the hash that was told then.", "SUBJECT 按 RFC 4514 书写，名称在前：CN=..,O=..,C=CN。请求写入 -o 指定的文件。由别处签名的指令所生成的请求，用当时告知的杂凑值取回。"},
		"signetctl cert request contract --subject \"CN=Contracts,O=Example,C=CN\" -o contract.csr",
	}
	helpCertImport = help{
		text{"bring what a CA answered", "导入 CA 的应答"},
		text{"The whole answer is taken: several files are joined. The signing certificate is held to the key, the trust store, its usage and its dates; an encryption certificate and its key are kept beside, unopened. The certificate before stays.", "须导入完整应答：多个文件会合并。签名证书须与密钥、信任库、用途和有效期相符；加密证书及其密钥一并保存，不予打开。原证书保留。"},
		"signetctl cert import contract answer.p7b\nsignetctl cert import contract sign.pem encrypt.pem chain.pem",
	}
	helpCertList = help{
		text{"list the certificates of an entry, or write them", "列出或导出条目的证书"},
		text{"Oldest first: the last one is in use. With --out each is written with its chain as PEM, and what else the CA answered as DER.", "按先后列出：最后一个为当前使用。使用 --out 时逐个以 PEM 写出证书及证书链，CA 应答中的其他内容以 DER 写出。"},
		"signetctl cert list contract\nsignetctl cert list contract --out certs",
	}
	helpCertCRL = help{
		text{"import a list of revoked certificates, or show which there are", "导入证书撤销列表，或列出已有的列表"},
		text{"Without FILE the newest list of each CA is shown. An entry whose certificate stands on a list is suspended at once. Lists never go backwards. No signatures are needed: a list can only stop.", "不带 FILE 时列出各 CA 的最新列表。证书在列的条目立即停用。列表绝不回退。无需签名：撤销列表只会停用。"},
		"signetctl cert crl\nsignetctl cert crl ca.crl",
	}
	helpSelfTest = help{
		text{"test algorithms, random numbers, keys and stored data", "自检：算法、随机数、密钥和存储数据"},
		text{"What fails is stopped until a test finds it well. The report is kept with the event. Status 8 if anything failed.", "未通过的部分停止使用，直至自检通过。报告随审计记录保存。有任何一项未通过时退出状态为 8。"},
		"signetctl selftest\nsignetctl selftest --json | jq '.checks[] | select(.ok | not)'",
	}
	helpBackup = help{
		text{"make a backup, encrypted to the people named at init", "备份，加密给初始化时指定的人员"},
		text{"The store is paged through while signing goes on. Keys are not in it: they stay in their tokens. The act permits one backup; if others had to sign it, --fetch takes its nonce.", "备份期间照常签名。备份不含密钥：密钥始终在令牌中。每条管理指令允许备份一次；由他人签名时，用 --fetch 给出其 nonce 取回。"},
		"signetctl backup -o signet-2026-11-22.backup --sign ~/.ssh/id_ed25519\nsignetctl backup --fetch 3f9a02c1d4e5f60718293a4b5c6d7e8f -o signet-2026-11-22.backup",
	}
	helpRestore = help{
		text{"put a backup in the place of a store that is lost", "以备份恢复丢失的存储"},
		text{"The backup is decrypted here, handed to signetd, which rebuilds and checks it, and an act puts it in place. What was recorded after it was made is lost. --plan decrypts and checks it here, to the end, and sends nothing.", "备份在本机解密后交给 signetd 重建并检查，再由管理指令启用。备份之后的记录即告丢失。--plan 只在本机解密并完整检查，不发送任何内容。"},
		"signetctl restore signet-2026-11-22.backup --identity key.txt --why \"disk lost\" --plan\nsignetctl restore signet-2026-11-22.backup --identity key.txt --why \"disk lost\" --sign ~/.ssh/id_ed25519",
	}
)

// Flags. The word in backquotes names the value.
var (
	flagSignWith     = text{"sign the act with this OpenSSH key `FILE`, also of a FIDO2 key", "用此 OpenSSH 私钥文件 `FILE` 对管理指令签名，也可为 FIDO2 密钥"}
	flagAgent        = text{"sign it with a key of ssh-agent, of that `FINGERPRINT` if it holds several", "用 ssh-agent 中的密钥签名；有多个密钥时给出 `FINGERPRINT`"}
	flagExec         = text{"sign it with this `COMMAND`, split at blanks: bytes on standard input, signature on standard output", "用此命令 `COMMAND`（按空格分开）签名：标准输入为待签字节，标准输出为签名"}
	flagActFile      = text{"write the act to `FILE` for others to sign, instead of handing it in", "将管理指令写入 `FILE` 供他人签名，不提交"}
	flagValid        = text{"`DURATION` for which the act can be handed in, like 72h (default 24h where officers sign, at most 168h)", "管理指令可提交的期限 `DURATION`，如 72h（由管理人员签名时默认 24h，最长 168h）"}
	flagYes          = text{"sign without being asked", "不询问，直接签名"}
	flagPlan         = text{"show what would be done and who would sign; nothing is changed", "只显示将要执行的内容及须由谁签名，不作任何改变"}
	flagBytes        = text{"write the exact bytes that are signed to standard output", "将被签名的原始字节写到标准输出"}
	flagSSH          = text{"add the signature in this `FILE`, of ssh-keygen -Y sign -n signet-act; may be repeated", "加入此文件 `FILE` 中由 ssh-keygen -Y sign -n signet-act 生成的签名；可重复"}
	flagP7           = text{"add the detached GB/T 35275 SignedData in this `FILE` (DER, PEM or base64); may be repeated", "加入此文件 `FILE` 中的分离式 GB/T 35275 SignedData（DER、PEM 或 base64）；可重复"}
	flagKeyID        = text{"CKA_ID of the key, `HEX`, required", "密钥的 CKA_ID，`HEX`，必填"}
	flagOwner        = text{"`ID` of whom it belongs to: a custodian of that owner keeps it", "所属单位标识 `ID`：由该单位的印章保管人保管"}
	flagWhyEnd       = text{"reason, as `TEXT`, required: it stands in the log for ever", "理由 `TEXT`，必填：永久保存在日志中"}
	flagWhyOlder     = text{"reason for --accept-older, as `TEXT`: it stands in the log for ever", "--accept-older 的理由 `TEXT`：永久保存在日志中"}
	flagWhyRestore   = text{"reason, as `TEXT`, required: it stands in the log for ever", "理由 `TEXT`，必填：永久保存在日志中"}
	flagAcceptOlder  = text{"accept the store as it is, older than it was", "接受当前这个较旧的存储"}
	flagSubject      = text{"`SUBJECT` that the certificate is asked for, like CN=..,O=..,C=CN", "所申请证书的主体 `SUBJECT`，如 CN=..,O=..,C=CN"}
	flagRequestOut   = text{"write the request to `FILE` (default: standard output)", "将证书请求写入 `FILE`（默认：标准输出）"}
	flagFetchRequest = text{"make nothing: fetch the request of this hash, `SM3`", "不生成：取回此杂凑值 `SM3` 对应的请求"}
	flagOutDir       = text{"write them into `DIRECTORY`", "写入目录 `DIRECTORY`"}
	flagBackupOut    = text{"write the backup to `FILE`, required", "将备份写入 `FILE`，必填"}
	flagFetchBackup  = text{"make no act: fetch the backup that the act of this `NONCE` permits", "不生成管理指令：取回此 `NONCE` 的指令所允许的备份"}
	flagIdentity     = text{"`FILE` with the key that opens the backup: an age identity, or an SM2 key in PEM (PKCS#8); required", "可解密备份的密钥文件 `FILE`：age identity，或 PEM 格式（PKCS#8）的 SM2 私钥；必填"}
	flagIdentityCert = text{"`FILE` with the certificate of that SM2 key, in PEM", "该 SM2 私钥的证书文件 `FILE`（PEM）"}
)

// Headings of tables, names in lists.
var (
	headSigned   = text{"signed", "已签名"}
	headMissing  = text{"missing", "尚缺"}
	headOfficer  = text{"officer", "管理人员"}
	headName     = text{"name", "姓名"}
	headRole     = text{"role", "角色"}
	headKeeps    = text{"keeps", "保管"}
	headBefore   = text{"as it is now", "当前"}
	headAfter    = text{"as it would be", "变更后"}
	headCompared = text{"compared with the appliance", "与设备比较"}
	headCheck    = text{"check", "检查项"}

	labelAct          = text{"act", "管理指令"}
	labelTarget       = text{"on", "对象"}
	labelNotAfter     = text{"not after", "有效至"}
	labelLogSeen      = text{"log seen", "所见日志"}
	labelNonce        = text{"nonce", "nonce 值"}
	labelSignatures   = text{"signatures", "签名数"}
	labelSignedBy     = text{"to be signed by", "须签名者"}
	labelRemoved      = text{"removed", "移除"}
	labelOfficer      = text{"officer %s", "管理人员 %s"}
	labelOfficerKey   = text{"key", "密钥"}
	labelReadsAs      = text{"reads as uid", "查阅所用 uid"}
	labelKeeps        = text{"keeps entries", "保管条目"}
	labelKeepsOwner   = text{"keeps all of owner", "保管此单位的全部条目"}
	labelThresholds   = text{"persons", "人数"}
	labelLogKey       = text{"log key", "日志密钥"}
	labelTokenOf      = text{"token %s", "令牌 %s"}
	labelRecipient    = text{"opens backups", "可解密备份"}
	labelOwner        = text{"owner", "所属单位"}
	labelCustodians   = text{"custodians", "印章保管人"}
	labelEnded        = text{"ended", "终止理由"}
	labelDestroyed    = text{"key destroyed", "密钥销毁时间"}
	labelProof        = text{"record", "记录"}
	labelCertificate  = text{"certificate", "证书"}
	labelAttachment   = text{"attachment", "附件"}
	labelSubject      = text{"subject", "主体"}
	labelEpoch        = text{"goes on in epoch", "此后日志纪元"}
	labelIssuer       = text{"issuer", "签发者"}
	labelValid        = text{"valid", "有效期"}
	labelCA           = text{"CA", "电子认证机构"}
	labelRevoked      = text{"revoked", "撤销时间"}
	labelImported     = text{"imported", "导入时间"}
	labelInUse        = text{"in use", "使用中"}
	labelCRLNumber    = text{"number", "编号"}
	labelThisUpdate   = text{"made", "签发时间"}
	labelNextUpdate   = text{"next", "下次更新"}
	labelRevokedCount = text{"revoked certificates", "被撤销证书数"}
	labelUnread       = text{"cannot be read", "无法识别"}
	labelMade         = text{"made", "生成时间"}
	labelWhole        = text{"whole", "完整"}
)

// Sentences.
var (
	msgDoneSigned   = text{"%s: done, event %d, signed by %s", "%s：已执行，审计记录 %d，签名者 %s"}
	msgHeld         = text{"%s is suspended from now on: its certificate stands on the list", "%s 即日起停用：其证书在撤销列表中"}
	msgPlan         = text{"plan: nothing is changed", "计划：不作任何改变"}
	msgEveryOfficer = text{"every officer that the ceremony names has to sign", "初始化文件中的每位管理人员都须签名"}
	msgTheGroup     = text{"nobody: acts are taken from members of group signet-admin", "无需签名：由 signet-admin 组成员提交"}
	msgThreshold    = text{"the threshold of %s", "%s的门限人数"}
	msgNobodyCounts = text{"nobody: the policy counts no custodian of this entry", "无人可签：用印策略所列人员中没有此条目的印章保管人"}
	wordOr          = text{", or ", "，或 "}

	msgOneWay          = text{"--sign, --agent and --exec are three ways to sign: choose one", "--sign、--agent、--exec 是三种签名方式：只选其一"}
	msgNoWay           = text{"say how to sign: --sign KEYFILE, --agent or --exec COMMAND", "请指定签名方式：--sign KEYFILE、--agent 或 --exec COMMAND"}
	msgValid           = text{"--valid is %s: want more than 0, up to %s", "--valid 为 %s：应大于 0 且不超过 %s"}
	msgTakesNone       = text{"%s is taken unsigned here: leave --sign, --agent and --exec out", "此处 %s 无需签名：请去掉 --sign、--agent、--exec"}
	msgContentLarge    = text{"the content of this act has %d bytes: at most %d", "此管理指令的内容为 %d 字节：最多 %d 字节"}
	msgBadActFile      = text{"%s is no act: %s", "%s 不是管理指令：%s"}
	msgActWritten      = text{"%s is written to %s, to be signed and handed in until %s", "%s 已写入 %s，须在 %s 之前签名并提交"}
	msgActLeft         = text{"officers have to sign %s: it is written to %s, to be handed in until %s", "%s 须由管理人员签名：已写入 %s，须在 %s 之前提交"}
	msgActSigned       = text{"%s has %d signatures now", "%s 现有 %d 个签名"}
	msgSignInput       = text{"standard input can be shown and not signed: name a file", "标准输入只能显示，不能签名：请给出文件"}
	msgNoProposals     = text{"no acts wait for signatures", "没有等待签名的管理指令"}
	msgNoSuchAct       = text{"no act that waits has a nonce beginning with %q", "没有 nonce 以 %q 开头的等待中的管理指令"}
	msgManyActs        = text{"%d acts that wait have a nonce beginning with %q", "有 %d 条等待中的管理指令的 nonce 以 %q 开头"}
	msgBadProposal     = text{"what signetd gave for act %s is not shown and not signed: %s", "signetd 给出的管理指令 %s 不予显示和签名：%s"}
	msgBadActSignature = text{"%s is no signature on an act: %s", "%s 不是管理指令的签名：%s"}
	msgNobodyToAsk     = text{"there is no terminal to ask on before the act is signed: look at it with --plan or act show, then say --yes", "没有可供签名前确认的终端：请先用 --plan 或 act show 查看，再加 --yes"}
	msgSignThis        = text{"Sign this? [y/N]", "确认签名？[y/N]"}
	msgNotSigned       = text{"not signed, and nothing was handed in", "未签名，未提交任何内容"}
	msgPassphrase      = text{"Passphrase of %s:", "%s 的口令："}
	msgAgentChoice     = text{"ssh-agent holds %d keys: name one with --agent=FINGERPRINT", "ssh-agent 中有 %d 个密钥：请用 --agent=FINGERPRINT 指定"}
	msgToolFailed      = text{"the tool that signs ended with status %d, and nothing was handed in: %s", "签名工具以状态 %d 结束，未提交任何内容：%s"}
	msgNotMade         = text{"there is no signature, and nothing was handed in: %s", "未能签名，未提交任何内容：%s"}

	msgNoOfficers      = text{"no officers: this appliance was made with authority %s", "没有管理人员：本设备的授权方式为 %s"}
	msgAllOf           = text{"all of %s", "%s 的全部条目"}
	msgThresholdsAre   = text{"persons who sign: %s", "签名人数：%s"}
	msgThresholds      = text{"administrators %d, security officers %d, for officers and destruction %d, auditors %d", "系统管理员 %d，安全管理员 %d，变更管理人员与销毁 %d，审计管理员 %d"}
	msgOfficer         = text{"%s, %s", "%s，%s"}
	msgBadChange       = text{"%s is no change of officers; nothing was sent", "%s 不是合法的管理人员变更文件；未发送任何内容"}
	msgBadCeremony     = text{"%s is no ceremony; nothing was sent", "%s 不是合法的初始化文件；未发送任何内容"}
	msgCeremonyOrFlags = text{"a ceremony's FILE says all: leave --crypto, --deployment and --authority out", "初始化文件 FILE 已包含全部选项：请去掉 --crypto、--deployment、--authority"}
	msgFindingRefused  = text{"%s: refused", "%s：不予接受"}
	msgInitRefused     = text{"init would be refused: %d of the lines above say why", "初始化会被拒绝：原因见上面的 %d 行"}
	msgLogKey          = text{"%s, label %s, in token %s", "%s，标签 %s，令牌 %s"}
	msgProduct         = text{"%s, certificate %s, serial %s", "%s，证书编号 %s，序列号 %s"}

	msgBadKeyID         = text{"--id is %q: want the CKA_ID in lower-case hexadecimal digits", "--id 的值为 %q：应为小写十六进制的 CKA_ID"}
	msgSubjectMissing   = text{"--subject is missing: like CN=Contracts,O=Example,C=CN", "缺少 --subject：例如 CN=Contracts,O=Example,C=CN"}
	msgBadSubject       = text{"this is no subject; nothing was sent", "主体格式有误；未发送任何内容"}
	msgRequestWritten   = text{"certificate request written to %s: give it to the CA", "证书请求已写入 %s：请提交给 CA"}
	msgBadAnswer        = text{"%s is no answer of a CA; nothing was sent: %s", "%s 不是 CA 的应答；未发送任何内容：%s"}
	msgDamagedPEM       = text{"%s has a damaged PEM block; nothing was sent", "%s 含有损坏的 PEM 块；未发送任何内容"}
	msgBadCRL           = text{"%s is no list of revoked certificates; nothing was sent: %s", "%s 不是证书撤销列表；未发送任何内容：%s"}
	msgNoCertificates   = text{"%s has no certificate yet", "%s 尚无证书"}
	msgNoCRLs           = text{"no lists of revoked certificates yet", "尚无证书撤销列表"}
	msgCertificate      = text{"%s, by %s, serial %s, %s - %s, SM3 %s", "%s，签发者 %s，序列号 %s，%s - %s，SM3 %s"}
	msgCertificateBrief = text{"%s, serial %s, until %s", "%s，序列号 %s，有效至 %s"}
	msgRevokedSince     = text{"REVOKED since %s", "已撤销，自 %s 起"}
	msgWritten          = text{"%s written", "已写出 %s"}

	msgReportUnread   = text{"the report of the self-test is none that this program reads", "自检报告格式无法识别"}
	msgSelfTested     = text{"%d checks, %d signatures, event %d", "共检查 %d 项，签名 %d 次，审计记录 %d"}
	msgSelfTestFailed = text{"%d of %d checks failed: what failed is stopped", "未通过 %d 项，共检查 %d 项：未通过的部分已停止使用"}
	wordPassed        = text{"passed", "通过"}
	wordFailed        = text{"FAILED", "未通过"}

	msgWhyForOlder     = text{"--why goes with --accept-older", "--why 须与 --accept-older 一起使用"}
	msgNothingOlder    = text{"there is no older store to accept", "没有可接受的较旧存储"}
	msgBackupOut       = text{"-o is missing: name the file of the backup", "缺少 -o：请指定备份文件"}
	msgBackupCut       = text{"the backup broke off, and %s was not written: %s", "备份中断，未写出 %s：%s"}
	msgBackingUp       = text{"receiving the backup: %d MB", "正在接收备份：%d MB"}
	msgBackedUp        = text{"%s written: %d bytes, a log of %d events, root %s", "已写出 %s：%d 字节，日志 %d 条记录，根 %s"}
	msgIdentityMissing = text{"--identity is missing: name the file with the key that opens the backup", "缺少 --identity：请给出可解密备份的密钥文件"}
	msgBadIdentity     = text{"%s opens no backups: %s", "%s 不能用于解密备份：%s"}
	msgBadBackup       = text{"%s is not restored: %s", "%s 不予恢复：%s"}
	msgRestoring       = text{"handing in the backup: %d MB", "正在提交备份：%d MB"}
	msgStaged          = text{"signetd rebuilt it: appliance %s, %d events, the last of %s, %d entries", "signetd 已重建：设备 %s，%d 条记录，最后一条 %s，%d 个条目"}
	msgStagedOther     = text{"signetd rebuilt something else: %d events with root %s, the backup has %d with %s", "signetd 重建的内容不同：%d 条记录，根 %s；备份为 %d 条，根 %s"}
	msgRecords         = text{"%d records, read to the end", "%d 条数据，已读至末尾"}
)

// What comes of an act, for --plan.
var (
	effectInit       = text{"The store, the log and, with officers, the log key are made now. None of this can be changed but officers and thresholds, and the tokens are bound to this appliance.", "将生成存储、审计日志；设有管理人员时还将生成日志密钥。除管理人员和门限外均不可更改，令牌与本设备绑定。"}
	effectOfficers   = text{"From then on these persons sign, and what the others signed before stays valid.", "此后由这些人员签名；此前的签名仍然有效。"}
	effectActivate   = text{"From then on whoever the policy names can sign with it.", "此后用印策略所列的账户即可用其签名。"}
	effectResume     = text{"If no other hold is left it can be used again at once.", "如无其他停用事由，可立即恢复使用。"}
	effectPolicy     = text{"It replaces the policy whole, from then on.", "将整体替换用印策略，即时生效。"}
	effectAdopt      = text{"Nobody here has seen how the key was made or who else has it. The entry will say so.", "本设备未见证该密钥如何生成、他人是否持有，条目中会注明。"}
	effectCancel     = text{"Nothing is signed with it any more. No act takes this back.", "此后不再签名。任何指令都不能撤销。"}
	effectDestroy    = text{"The private key will be gone for ever: from the token, and no backup has it. What it signed stays verifiable.", "私钥将永久消失：令牌和任何备份中均不再有。其签名仍可验证。"}
	effectCertImport = text{"It is used from then on; those before it stay for what they signed.", "此后使用该证书；原证书保留，用于验证以往签名。"}
	effectCRL        = text{"Every entry whose certificate stands on it is suspended at once.", "证书在列的条目立即停用。"}
	effectRestore    = text{"What this appliance recorded after the backup was made will be lost. Quotas count as spent until their windows end.", "备份之后的记录将丢失。各用印次数限额在其窗口结束前视为已用完。"}
	effectOlder      = text{"What was recorded after this point is given up for ever. Quotas count as spent until their windows end.", "此后的记录将永久放弃。各用印次数限额在其窗口结束前视为已用完。"}
	effectClock      = text{"Events are dated by the clock as it is, never back.", "此后的审计记录按当前时钟记录，绝不回退。"}
	effectClear      = text{"The store is opened anew and checked; signing goes on if it is whole.", "重新打开并检查存储；完好则恢复签名。"}
)

// What to type next.
var (
	hintActSign      = text{"signetctl act sign {act} --sign KEYFILE, by another officer", "由另一位管理人员执行 signetctl act sign {act} --sign KEYFILE"}
	hintActFile      = text{"signetctl act sign %s --sign KEYFILE, each officer; then signetctl act submit %s", "每位管理人员执行 signetctl act sign %s --sign KEYFILE；然后执行 signetctl act submit %s"}
	hintActSignFile  = text{"signetctl act sign %s --sign KEYFILE", "signetctl act sign %s --sign KEYFILE"}
	hintActSubmit    = text{"signetctl act submit %s", "signetctl act submit %s"}
	hintActShow      = text{"signetctl act show %s", "signetctl act show %s"}
	hintActList      = text{"signetctl act list", "signetctl act list"}
	hintOfficerList  = text{"signetctl officer list", "signetctl officer list"}
	hintAgain        = text{"the same command again, once the tool works: signetctl act list has what waits", "工具可用后重新执行同一命令；等待中的指令见 signetctl act list"}
	hintDestroy      = text{"signetctl key destroy %s --why TEXT --plan", "signetctl key destroy %s --why TEXT --plan"}
	hintFetchRequest = text{"signetctl cert request %s --fetch %s -o %s.csr", "signetctl cert request %s --fetch %s -o %s.csr"}
	hintFetchBackup  = text{"signetctl backup --fetch %s -o FILE", "signetctl backup --fetch %s -o FILE"}
	hintCertImport   = text{"signetctl cert import %s FILE...", "signetctl cert import %s FILE..."}
	hintCertList     = text{"signetctl cert list %s", "signetctl cert list %s"}
	hintCRLs         = text{"signetctl cert crl", "signetctl cert crl"}
	hintBackup       = text{"signetctl backup -o FILE: it needs a new act", "signetctl backup -o FILE：需要新的管理指令"}
)
