package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"

	"signet/protocol/admin"
	"signet/testsoftHSM/stage"
)

// verifySample holds one in keepSig signatures to its key.
func verifySample(keys []key, signed []signature) error {
	verified := 0
	for _, s := range signed {
		if s.sig == nil {
			continue
		}
		k := keys[s.key]
		if err := k.public.Verify(k.alg, s.value[:], s.sig); err != nil {
			return fmt.Errorf("signature of event %d: %w", s.event, err)
		}
		verified++
	}
	if verified == 0 {
		return fmt.Errorf("none of %d signatures was kept to be verified", len(signed))
	}
	return nil
}

// compareLog reads the whole log as an auditor: it must have one event for each
// signature that was given out, with its value, and none beside.
func compareLog(ctx context.Context, s *stage.Stage, signed []signature) error {
	given, err := eventsOf(signed)
	if err != nil {
		return err
	}
	auditor := stage.HTTPAs(stage.AuditUID, []uint32{stage.AuditGID}, s.Socket("audit"))
	for from, more := uint64(0), true; more; {
		page, err := readPage(ctx, auditor, from)
		if err != nil {
			return fmt.Errorf("reading the log from event %d: %w", from, err)
		}
		for _, line := range page.Lines {
			if err := strike(given, []byte(line)); err != nil {
				return err
			}
		}
		from, more = page.Next, page.Next < page.Size
	}
	if len(given) > 0 {
		return fmt.Errorf("%d of %d signatures that were given out are not in the log", len(given), len(signed))
	}
	return nil
}

// eventsOf returns the value of each event that was given out, once anew and
// any number of times again.
func eventsOf(signed []signature) (map[uint64][32]byte, error) {
	given := make(map[uint64][32]byte, len(signed))
	for _, one := range signed {
		if _, twice := given[one.event]; twice && !one.repeated {
			return nil, fmt.Errorf("event %d was given out twice", one.event)
		}
		if !one.repeated {
			given[one.event] = one.value
		}
	}
	for _, one := range signed {
		if one.repeated && given[one.event] != one.value {
			return nil, fmt.Errorf("event %d was repeated for the value %x and given out for %x", one.event, one.value, given[one.event])
		}
	}
	return given, nil
}

func readPage(ctx context.Context, auditor *http.Client, from uint64) (page admin.Events, err error) {
	url := fmt.Sprintf("http://signetd%s?from=%d&limit=%d", admin.PathEvents, from, admin.MaxEvents)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return page, err
	}
	answer, err := auditor.Do(request)
	if err != nil {
		return page, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return page, fmt.Errorf("status %s", answer.Status)
	}
	err = json.NewDecoder(answer.Body).Decode(&page)
	return page, err
}

// strike takes the event of a signature off the list.
func strike(given map[uint64][32]byte, line []byte) error {
	var e struct {
		Seq    uint64 `json:"seq"`
		Kind   string `json:"kind"`
		Result string `json:"result"`
		Value  string `json:"value"`
	}
	if err := json.Unmarshal(line, &e); err != nil {
		return err
	}
	if e.Kind != "sign" || e.Result != "allowed" {
		return nil
	}
	value, ok := given[e.Seq]
	if !ok {
		return fmt.Errorf("event %d is a signature that nobody was given", e.Seq)
	}
	if e.Value != hex.EncodeToString(value[:]) {
		return fmt.Errorf("event %d has the value %s, its caller asked for %x", e.Seq, e.Value, value)
	}
	delete(given, e.Seq)
	return nil
}
