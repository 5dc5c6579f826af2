package protocol

import (
	"fmt"

	"google.golang.org/protobuf/proto"
)

// AppendSignReply appends reply to dst as frames: parts of about 60 KiB with
// one or more results each, then the last results as the reply itself. The
// results stand in the order of the inputs; their boundaries between frames
// mean nothing.
func AppendSignReply(dst []byte, call uint64, reply *SignReply) ([]byte, error) {
	part, size := new(SignReply), 0
	for _, result := range reply.Results {
		n := proto.Size(result) + 8 // tag and length
		if size > 0 && size+n > partTarget {
			var err error
			if dst, err = AppendMessage(dst, KindPart, MethodSign, call, part); err != nil {
				return nil, err
			}
			part, size = new(SignReply), 0
		}
		part.Results, size = append(part.Results, result), size+n
	}
	return AppendMessage(dst, KindReply, MethodSign, call, part)
}

// AppendMessage appends m to dst as one frame.
func AppendMessage(dst []byte, k Kind, method Method, call uint64, m proto.Message) ([]byte, error) {
	payload, err := proto.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encoding %s: %w", m.ProtoReflect().Descriptor().Name(), err)
	}
	return AppendFrame(dst, k, method, call, payload), nil
}
