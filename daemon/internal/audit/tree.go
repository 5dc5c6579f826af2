package audit

import (
	"errors"
	"fmt"

	"github.com/emmansun/gmsm/sm3"
	"github.com/transparency-dev/merkle/compact"
)

// HashSize is the length in bytes of every hash of the log.
const HashSize = sm3.Size

// A Hash is a leaf or node of the tree.
type Hash [HashSize]byte

// LeafHash is SM3(0x00 || line), RFC 6962 section 2.1 with SM3.
func LeafHash(line []byte) Hash {
	h := sm3.New()
	h.Write([]byte{0})
	h.Write(line)
	return Hash(h.Sum(nil))
}

// hashChildren is SM3(0x01 || left || right), RFC 6962 section 2.1. The
// prefix keeps a node from ever being taken for a leaf.
func hashChildren(left, right []byte) []byte {
	h := sm3.New()
	h.Write([]byte{1})
	h.Write(left)
	h.Write(right)
	return h.Sum(nil)
}

var ranges = &compact.RangeFactory{Hash: hashChildren}

// A Tree is the frontier of the log's Merkle tree: enough to append leaves
// and to know size and root. It is not safe for concurrent use.
type Tree struct{ frontier *compact.Range }

// NewTree returns the tree of no events.
func NewTree() *Tree { return &Tree{ranges.NewEmptyRange(0)} }

// LoadTree returns the tree whose State is given.
func LoadTree(size uint64, state []byte) (*Tree, error) {
	if len(state)%HashSize != 0 {
		return nil, fmt.Errorf("loading frontier: %d bytes are no multiple of %d", len(state), HashSize)
	}
	hashes := make([][]byte, 0, len(state)/HashSize)
	for rest := state; len(rest) > 0; rest = rest[HashSize:] {
		hashes = append(hashes, append([]byte(nil), rest[:HashSize]...))
	}
	frontier, err := ranges.NewRange(0, size, hashes)
	if err != nil {
		return nil, fmt.Errorf("loading frontier of size %d: %w", size, err)
	}
	return &Tree{frontier}, nil
}

// Append adds one leaf.
func (t *Tree) Append(leaf Hash) error {
	if err := t.frontier.Append(leaf[:], nil); err != nil {
		return fmt.Errorf("appending leaf %d: %w", t.Size(), err)
	}
	return nil
}

// Size is the number of leaves.
func (t *Tree) Size() uint64 { return t.frontier.End() }

// Root is the root hash, of RFC 6962 section 2.1; SM3 of nothing if empty.
func (t *Tree) Root() (Hash, error) {
	if t.Size() == 0 {
		return Hash(sm3.Sum(nil)), nil
	}
	root, err := t.frontier.GetRootHash(nil)
	if err != nil {
		return Hash{}, fmt.Errorf("computing root of size %d: %w", t.Size(), err)
	}
	if len(root) != HashSize {
		return Hash{}, errors.New("computing root: wrong length")
	}
	return Hash(root), nil
}

// State returns the hashes of the frontier, left to right, one after another.
func (t *Tree) State() []byte {
	var state []byte
	for _, h := range t.frontier.Hashes() {
		state = append(state, h...)
	}
	return state
}

// Clone returns a copy that appends on its own: what a transaction that may
// fail works on.
func (t *Tree) Clone() (*Tree, error) { return LoadTree(t.Size(), t.State()) }
