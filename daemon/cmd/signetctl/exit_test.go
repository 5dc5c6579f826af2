package main

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"signet/protocol"
	"signet/protocol/algo"
	"signet/protocol/client"
)

// The promise to scripts, written out: every code of the table with the exit
// status of the answer that the daemon gives with it.
var statusOfCodes = map[protocol.Code]int{
	100: 2, 101: 2, 102: 2, 103: 2, 104: 2, 105: 2, 106: 2, 107: 2, 108: 2, 109: 2, 110: 2,
	200: 6, 201: 3, 202: 3, 203: 3, 204: 3, 205: 3, 206: 3, 207: 3, 208: 4, 209: 3, 210: 4, 211: 4, 212: 3, 213: 3, 214: 3,
	215: 3, 216: 4, 217: 3, 218: 3, 219: 3, 220: 3, 221: 3, 222: 3, 223: 4, 224: 3, 225: 4, 226: 3,
	300: 4, 301: 4, 302: 4, 303: 4,
	400: 9, 401: 9, 402: 4, 403: 9,
	500: 4, 501: 3, 502: 3, 503: 3,
	600: 3, 601: 5, 602: 3, 603: 3, 604: 3, 605: 3, 606: 3, 607: 10, 608: 10,
	900: 1,
}

func TestExitStatusOfEveryCode(t *testing.T) {
	for c := protocol.Code(1); c < 1000; c++ {
		want, ok := statusOfCodes[c]
		if c.Valid() != ok {
			t.Errorf("code %d is in the table: %v, in this test: %v", c, c.Valid(), ok)
		}
		if !c.Valid() {
			continue
		}
		if got := statusOf(protocol.NewError(c, "m")); got != want {
			t.Errorf("exit status of %d (%v) = %d, want %d", c, c, got, want)
		}
	}
}

// 207 and 209 are refusals for good unless a time is known.
func TestATimeToRetryMakesARefusalALaterOne(t *testing.T) {
	for _, c := range []protocol.Code{protocol.OutsideValidity, protocol.QuotaSpent} {
		if got := statusOf(protocol.NewError(c, "m").RetryAt(time.Now().Add(time.Hour))); got != exitLater {
			t.Errorf("exit status of %v with a time = %d, want %d", c, got, exitLater)
		}
	}
}

func TestExitStatusOfOtherErrors(t *testing.T) {
	for name, test := range map[string]struct {
		err  error
		want int
	}{
		"nothing":            {nil, 0},
		"something":          {errors.New("x"), 1},
		"usage":              {usage(msgNoInput), 2},
		"unbuilt":            {&fault{status: exitRefused, what: msgUnbuilt}, 3},
		"connection lost":    {fmt.Errorf("signing: %w", client.ErrConnectionLost), 7},
		"no answer in time":  {fmt.Errorf("Sign: %w", context.DeadlineExceeded), 7},
		"bad signature":      {fmt.Errorf("x: %w", algo.ErrSignature), 8},
		"daemon is stopping": {fmt.Errorf("%w: %w", client.ErrConnectionLost, protocol.NewError(protocol.ShuttingDown, "")), 4},
		"turned away":        {fmt.Errorf("%w: %w", client.ErrConnectionLost, protocol.NewError(protocol.NotACaller, "")), 3},
		"an unknown code":    {&protocol.Error{Code: 999, Retry: protocol.Retry_NOW}, 4},
		"an unknown refusal": {&protocol.Error{Code: 299, Retry: protocol.Retry_NEVER}, 3},
		"no retry told":      {&protocol.Error{Code: 299}, 3},
	} {
		if got := statusOf(test.err); got != test.want {
			t.Errorf("exit status of %s = %d, want %d", name, got, test.want)
		}
	}
}
