package main

import "signet/daemon/internal/replay"

// Words of log replay.
var (
	helpLogReplay = help{
		text{"decide the past again, and count it", "重新判定并清点历史记录"},
		text{`Reads the whole log from event 0 and the contents that it names, and makes every entry, policy and approval again from the acts. Then each decision is made again from what its event says it was made from, under the policy of its day: the same reason must come out, by the same rule. Separately, every use is counted in the windows of the quotas, which must never have had more than they allow, and under its approval.

What nobody can know from the log is counted apart: refusals because of what was being signed, of a name, a key or a record that was not what it should be; and decisions whose time only a clock that was set, or a disk that hung, explains. A use that failed in the token leaves no other trace than its event.

What cannot have happened as the log says is listed with the index of its event. Exit status: 0 nothing differs, 8 something does.

It does not judge the signatures of officers nor the hashes of the log: acts are taken as they stand (signetctl log verify will). It reads all of the log, so a custodian, who sees a part, cannot run it.`,
			`从第 0 条起读取全部审计日志及其所指的内容，依据管理指令重新生成每个台账条目、用印策略和用印授权；再按每条记录所载的判定依据和当时的用印策略重新判定，理由和规则必须相同；另外独立清点每次使用，任何时段的次数都不得超过用印次数限额，也不得超出其用印授权。

仅凭日志无法核实的另行计数：因正在签名的使用、名称、密钥或记录不符而作的拒绝；以及只有改过时钟或磁盘停滞才能解释其时间的判定。在令牌中失败的使用，除其自身的记录外不留其他痕迹。

凡不可能如日志所记发生的，均连同其记录序号列出。退出状态：0 无差异，8 有差异。

本命令不验证管理人员的签名，也不验证日志的杂凑值：管理指令按原样采用（由 signetctl log verify 验证，尚未提供）。本命令需读取全部日志，印章保管人只能看到其中一部分，不能执行。`},
		"signetctl log replay\nsignetctl log replay --json | jq '.differences[] | select(.class == \"count\")'",
	}

	headDifference = text{"differs", "差异"}

	labelReplayEvents      = text{"events read", "读取的审计记录"}
	labelReplayActs        = text{"acts applied", "执行的管理指令"}
	labelReplayAllowed     = text{"decided again: allowed", "重新判定：允许"}
	labelReplayRefused     = text{"decided again: refused", "重新判定：拒绝"}
	labelReplayUnrecorded  = text{"refusals on grounds not recorded", "依据未记录的拒绝"}
	labelReplayUnchecked   = text{"refusals on grounds not provable", "依据无法核实的拒绝"}
	labelReplayOdd         = text{"decisions at odd times", "判定时间异常"}
	labelReplayOtherZones  = text{"local times by other zone data", "时区数据版本不同"}
	labelReplayUses        = text{"uses counted", "清点的使用次数"}
	labelReplayWindows     = text{"windows held to a quota", "核对限额的时段"}
	labelReplayApprovals   = text{"approvals asked for", "申请的用印授权"}
	labelReplayDifferences = text{"differences", "差异数"}

	msgReplaying     = text{"event %d of %d", "审计记录 %d，共 %d 条"}
	msgReplayDiffers = text{"differences: %d; the log says what cannot have happened", "差异：%d 处；日志所记不可能如此发生"}
	msgReplayMore    = text{"and %d more: --json lists them", "另有 %d 处：--json 全部列出"}
	msgReplayPartial = text{"this account is shown a part of the log: what the rest follows from is not in it", "此账户只能看到部分日志，缺少推算所需的其余记录"}

	hintLogShow  = text{"signetctl log show %d", "signetctl log show %d"}
	hintWholeLog = text{"an auditor or another officer runs it: signetctl officer list", "请审计管理员或其他管理人员执行：signetctl officer list"}
)

// differenceTexts are the words for the classes of differences.
var differenceTexts = map[replay.Class]text{
	replay.Log:       {"log", "日志"},
	replay.Register:  {"register", "台账"},
	replay.Arguments: {"arguments", "判定依据"},
	replay.Decided:   {"decision", "判定"},
	replay.Rule:      {"rule", "规则"},
	replay.Count:     {"count", "使用次数"},
	replay.Approved:  {"approval", "用印授权"},
}
