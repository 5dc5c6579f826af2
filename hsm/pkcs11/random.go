package pkcs11

import (
	"context"

	"signet/hsm"
)

// Random implements hsm.Driver.
func (d *Driver) Random(ctx context.Context, token string, n int) ([]byte, error) {
	const op = "drawing random bytes"
	t, err := d.token(token, op)
	if err != nil {
		return nil, err
	}
	if n < 1 || n > hsm.MaxRandom {
		return nil, t.failed(op, refuse(hsm.ClassRequest, "%d bytes: want 1 to %d", n, hsm.MaxRandom))
	}
	b, err := run(ctx, t, task[[]byte]{limit: t.profile.Deadlines.Sign, do: func(s *session) ([]byte, error) {
		return s.random(n)
	}})
	return b, t.failed(op, err)
}

func (s *session) random(n int) ([]byte, error) {
	b, err := s.lib.GenerateRandom(s.handle, n)
	if err != nil {
		return nil, called("C_GenerateRandom", err)
	}
	if len(b) != n {
		return nil, refuse(hsm.ClassAnswer, "C_GenerateRandom gave %d bytes: want %d", len(b), n)
	}
	return b, nil
}
