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
	return appendParts(dst, MethodSign, call, reply.Results, func(part []*Result) proto.Message { return &SignReply{Results: part} })
}

// AppendEntriesReply does the same for the entries of a ListEntriesReply.
func AppendEntriesReply(dst []byte, call uint64, reply *ListEntriesReply) ([]byte, error) {
	return appendParts(dst, MethodListEntries, call, reply.Entries, func(part []*EntryInfo) proto.Message { return &ListEntriesReply{Entries: part} })
}

func appendParts[T proto.Message](dst []byte, m Method, call uint64, items []T, reply func([]T) proto.Message) ([]byte, error) {
	var err error
	begin, size := 0, 0
	for i, item := range items {
		n := proto.Size(item) + 8 // tag and length
		if size > 0 && size+n > partTarget {
			if dst, err = AppendMessage(dst, KindPart, m, call, reply(items[begin:i])); err != nil {
				return nil, err
			}
			begin, size = i, 0
		}
		size += n
	}
	return AppendMessage(dst, KindReply, m, call, reply(items[begin:]))
}

// AppendMessage appends m to dst as one frame.
func AppendMessage(dst []byte, k Kind, method Method, call uint64, m proto.Message) ([]byte, error) {
	payload, err := proto.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encoding %s: %w", m.ProtoReflect().Descriptor().Name(), err)
	}
	return AppendFrame(dst, k, method, call, payload), nil
}
