package daemon

import (
	"context"
	"errors"
	"fmt"
	"time"

	"signet/systemd"
)

// drainTimeout is how long a stop waits for calls in flight before it ends them.
const drainTimeout = 15 * time.Second

// tickEach is how often the daemon looks after what is due.
const tickEach = time.Second

// Run serves on the sockets until ctx ends, then drains: takes no new
// request, answers those in flight, records the stop and lets go of store
// and modules. The listeners are closed; their paths stay if systemd made
// them. It returns nil after a clean stop.
func (s *Server) Run(ctx context.Context, sockets Sockets) error {
	s.TokensChanged()
	web := s.newWeb()
	fail := make(chan error, 3)
	s.serving.Go(func() { fail <- s.acceptSign(sockets.Sign) })
	s.serving.Go(func() { fail <- web.serve(sockets.Admin, adminSocket) })
	s.serving.Go(func() { fail <- web.serve(sockets.Audit, auditSocket) })
	s.serving.Go(func() { s.tick(s.chores) })
	s.journal.Send(systemd.DaemonStarted, "signetd "+s.version+" is ready", systemd.Version(s.version),
		systemd.Mode(s.condition().mode.String()), systemd.Appliance(orNone(s.applianceID())))
	if err := systemd.Ready("mode is " + s.condition().mode.String()); err != nil {
		s.journal.Send(systemd.InternalError, "telling systemd that the daemon is ready", systemd.Cause(err))
	}

	var err error
	select {
	case <-ctx.Done():
	case err = <-fail:
	}
	return errors.Join(err, s.stop(sockets, web))
}

func (s *Server) applianceID() string {
	if a := s.appliance(); a != nil {
		return a.id
	}
	return ""
}

// tick does what is due each second, and rewrites the marker as often as it
// is asked for.
func (s *Server) tick(ctx context.Context) {
	ticker := time.NewTicker(tickEach)
	defer ticker.Stop()
	last := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		s.keepClock()
		s.lookAtAnchor()
		a := s.appliance()
		if a == nil {
			continue
		}
		a.tick()
		if a.selfTests.due(s.sources.Real(), s.tokens.status()) {
			s.aside(func() { a.testByClock(ctx) })
		}
		s.sampleStore(a)
		if time.Since(last) >= s.anchorEach {
			last = time.Now()
			s.writeMarker(a)
		}
	}
}

// keepClock writes the accepted offset where the next process finds it, when
// it has moved by more than a second.
func (s *Server) keepClock() {
	now := s.clock.accepted()
	if moved := now - s.keptClock; moved < time.Second && moved > -time.Second {
		return
	}
	if err := writeAccepted(s.runtimeDir, now); err != nil {
		s.journal.Send(systemd.InternalError, "keeping the accepted time", systemd.Cause(err))
		return
	}
	s.keptClock = now
}

func (s *Server) writeMarker(a *appliance) {
	if err := markerOf(a.store).write(s.stateDir); err != nil {
		s.journal.Send(systemd.StoreFault, "the marker could not be written", systemd.Cause(err))
		return
	}
	s.metrics.marked.Store(time.Now().UnixNano())
}

// stop ends everything in the order in which it depends on each other.
func (s *Server) stop(sockets Sockets, web *web) error {
	s.journal.Send(systemd.DaemonStopping, "signetd is stopping")
	errs := []error{systemd.Stopping()}
	s.mu.Lock()
	s.stopping = true
	conns := make([]*conn, 0, len(s.conns))
	for c := range s.conns {
		conns = append(conns, c)
	}
	s.mu.Unlock()
	errs = append(errs, sockets.close())
	for _, c := range conns {
		s.serving.Go(func() { // a peer that does not read delays no other
			c.goAway()
			c.raw.CloseRead() // its reader ends; its calls go on
		})
	}
	s.endChores()
	errs = append(errs, s.drainWeb(web))
	errs = append(errs, s.drain())
	if a := s.appliance(); a != nil {
		errs = append(errs, a.close())
		if a.store.Err() == nil {
			s.writeMarker(a)
		}
	}
	errs = append(errs, s.letGoPoisoned(), s.tokens.close(), s.lock.Release())
	return errors.Join(errs...)
}

// drainWeb lets acts end. One that takes too long is told so, and has time to
// take back what it did: a key that no act recorded must not stay.
func (s *Server) drainWeb(web *web) error {
	if web.drain(drainTimeout) == nil {
		return nil
	}
	s.stopCalls()
	return errors.Join(web.drain(undoTimeout), web.close())
}

// drain waits for the calls in flight. Those that take too long are told that
// their time is over; what they recorded stays recorded.
func (s *Server) drain() error {
	done := make(chan struct{})
	go func() {
		s.serving.Wait()
		close(done)
	}()
	for _, wait := range []time.Duration{drainTimeout, drainTimeout / 3} {
		timer := time.NewTimer(wait)
		select {
		case <-done:
			timer.Stop()
			s.stopCalls()
			s.hands.rest() // no connection is left to give them work
			return nil
		case <-timer.C:
			s.stopCalls()
		}
	}
	return fmt.Errorf("stopping: calls were still in flight after %v", drainTimeout)
}
