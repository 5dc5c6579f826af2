package protocol_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"signet/protocol"
)

func TestErrorIsComparesCodes(t *testing.T) {
	busy := protocol.NewError(protocol.Busy, "3 requests of uid 7").WithField("x")
	wrapped := fmt.Errorf("signing: %w", busy)
	for name, c := range map[string]struct {
		err, target error
		want        bool
	}{
		"its code":                      {busy, protocol.Busy, true},
		"its code, wrapped":             {wrapped, protocol.Busy, true},
		"an error of the code":          {wrapped, protocol.NewError(protocol.Busy, "other words"), true},
		"another code":                  {wrapped, protocol.ShuttingDown, false},
		"another code of the same name": {protocol.NewError(protocol.BadSignature, ""), protocol.BadActSignature, false},
		"an error of another code":      {wrapped, protocol.NewError(protocol.Internal, ""), false},
		"another error":                 {wrapped, errors.New("busy"), false},
	} {
		if got := errors.Is(c.err, c.target); got != c.want {
			t.Errorf("%s: errors.Is = %v, want %v", name, got, c.want)
		}
	}
	var as *protocol.Error
	if !errors.As(wrapped, &as) || as != busy {
		t.Error("errors.As does not find the error")
	}
}

func TestRetryAtTellsTheTime(t *testing.T) {
	at := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	e := protocol.NewError(protocol.QuotaSpent, "spent").RetryAt(at)
	if e.Retry != protocol.Retry_AFTER || !e.After.AsTime().Equal(at) {
		t.Errorf("RetryAt = %v after %v", e.Retry, e.After)
	}
	if e := protocol.NewError(protocol.QuotaSpent, "for good").RetryAt(time.Time{}); e.Retry != protocol.Retry_NEVER || e.After != nil {
		t.Errorf("quota without a time: %v after %v, want never", e.Retry, e.After)
	}
}

func TestRetryInTellsAtLeastAMillisecond(t *testing.T) {
	for d, want := range map[time.Duration]uint32{
		-time.Second: 1, 0: 1, time.Microsecond: 1, 20 * time.Millisecond: 20, time.Second: 1000, 1<<63 - 1: 1 << 31,
	} {
		if e := protocol.NewError(protocol.Busy, "").RetryIn(d); e.Retry != protocol.Retry_AFTER || e.AfterMs != want {
			t.Errorf("RetryIn(%v) = %v, %d ms, want %d", d, e.Retry, e.AfterMs, want)
		}
	}
}

func TestErrorTextNamesCodeFieldAndTime(t *testing.T) {
	at := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	for want, e := range map[string]*protocol.Error{
		"internal (900)": protocol.NewError(protocol.Internal, ""),
		"malformed (100): entry: missing: name an entry":            protocol.NewError(protocol.Malformed, "missing: name an entry").WithField("entry"),
		"busy (300): full (try again in 20ms)":                      protocol.NewError(protocol.Busy, "full").RetryIn(20 * time.Millisecond),
		"quota (209): spent (try again after 2026-11-23T00:00:00Z)": protocol.NewError(protocol.QuotaSpent, "spent").RetryAt(at),
		"not_a_caller (201): uid 7: 100%s":                          protocol.NewError(protocol.NotACaller, "%s", "uid 7: 100%s").WithRule("callers"),
		" (0)":                                                      new(protocol.Error),
	} {
		if got := e.Error(); got != want {
			t.Errorf("Error() = %q, want %q", got, want)
		}
	}
	if got := protocol.NewError(protocol.NotACaller, "").WithRule("callers").Rule; got != "callers" {
		t.Errorf("rule = %q", got)
	}
}
