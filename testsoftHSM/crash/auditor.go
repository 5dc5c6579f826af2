package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"signet/protocol/admin"
	"signet/testsoftHSM/stage"
)

// An auditor reads the log over audit.sock, as a user that may do no more.
type auditor struct{ http *http.Client }

func newAuditor(s *stage.Stage) auditor {
	return auditor{stage.HTTPAs(stage.AuditUID, []uint32{stage.AuditGID}, s.Socket("audit"))}
}

// events reads a page of the log from an index on.
func (a auditor) events(ctx context.Context, from uint64) (page admin.Events, err error) {
	url := fmt.Sprintf("http://signetd%s?from=%d&limit=%d", admin.PathEvents, from, admin.MaxEvents)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return page, err
	}
	answer, err := a.http.Do(request)
	if err != nil {
		return page, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return page, err
	}
	if answer.StatusCode != http.StatusOK {
		return page, fmt.Errorf("%s: %s", answer.Status, body)
	}
	err = json.Unmarshal(body, &page)
	return page, err
}
