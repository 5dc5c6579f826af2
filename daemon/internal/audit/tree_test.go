package audit_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"testing"

	"github.com/emmansun/gmsm/sm3"

	"signet/daemon/internal/audit"
)

// treeHash is MTH of RFC 6962 section 2.1 as the text defines it: recursive,
// over all leaves, sharing nothing with the code under test.
func treeHash(newHash func() hash.Hash, leaves [][]byte) []byte {
	h := newHash()
	switch n := len(leaves); n {
	case 0:
	case 1:
		h.Write([]byte{0})
		h.Write(leaves[0])
	default:
		k := 1
		for 2*k < n {
			k *= 2
		}
		h.Write([]byte{1})
		h.Write(treeHash(newHash, leaves[:k]))
		h.Write(treeHash(newHash, leaves[k:]))
	}
	return h.Sum(nil)
}

// TestReferenceGivesThePublishedRoots: with SHA-256 the reference gives the
// roots that every implementation of RFC 6962 is tested with.
func TestReferenceGivesThePublishedRoots(t *testing.T) {
	var leaves [][]byte
	for _, text := range []string{"", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"} {
		leaf, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		leaves = append(leaves, leaf)
	}
	for size, want := range []string{
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
		"fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
		"aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
		"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
		"4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
		"76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
		"ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
		"5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
	} {
		if got := hex.EncodeToString(treeHash(sha256.New, leaves[:size])); got != want {
			t.Errorf("size %d: %s, want %s", size, got, want)
		}
	}
}

func line(i int) []byte { return fmt.Appendf(nil, `{"seq":%d}`, i) }

// root is the tree's root, which for a whole tree is never an error.
func root(t *testing.T, tree *audit.Tree) audit.Hash {
	t.Helper()
	r, err := tree.Root()
	if err != nil {
		t.Fatalf("root of size %d: %v", tree.Size(), err)
	}
	return r
}

// TestTreeIsRFC6962 compares every size up to 200, and goes on from a stored
// frontier at each: a restart must not change the log.
func TestTreeIsRFC6962(t *testing.T) {
	tree, reloaded := audit.NewTree(), audit.NewTree()
	var leaves [][]byte
	for size := 0; ; size++ {
		want := treeHash(sm3.New, leaves)
		if got := root(t, tree); !bytes.Equal(got[:], want) || tree.Size() != uint64(size) {
			t.Fatalf("size %d (%d): root %x, want %x", size, tree.Size(), got, want)
		}
		if got := root(t, reloaded); !bytes.Equal(got[:], want) {
			t.Fatalf("size %d from a stored frontier: root %x, want %x", size, got, want)
		}
		if size == 200 {
			return
		}
		leaves = append(leaves, line(size))
		if err := tree.Append(audit.LeafHash(line(size))); err != nil {
			t.Fatal(err)
		}
		var err error
		if reloaded, err = audit.LoadTree(reloaded.Size(), reloaded.State()); err != nil {
			t.Fatalf("loading size %d: %v", size, err)
		}
		if err := reloaded.Append(audit.LeafHash(line(size))); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(tree.State(), reloaded.State()) {
			t.Fatalf("size %d: frontiers differ", size)
		}
	}
}

func grow(t *testing.T, tree *audit.Tree, n int) *audit.Tree {
	t.Helper()
	for range n {
		if err := tree.Append(audit.LeafHash(line(int(tree.Size())))); err != nil {
			t.Fatal(err)
		}
	}
	return tree
}

// TestCloneAppendsOnItsOwn: the tree of a transaction that fails is thrown
// away, and the committer's must not have moved.
func TestCloneAppendsOnItsOwn(t *testing.T) {
	for size := range 20 {
		tree := grow(t, audit.NewTree(), size)
		before, state := root(t, tree), tree.State()
		clone, err := tree.Clone()
		if err != nil {
			t.Fatal(err)
		}
		after := root(t, grow(t, clone, 5))
		if root(t, tree) != before || !bytes.Equal(tree.State(), state) || tree.Size() != uint64(size) {
			t.Errorf("size %d: appending to a clone changed the tree", size)
		}
		if root(t, grow(t, tree, 5)) != after {
			t.Errorf("size %d: clone and tree differ after the same leaves", size)
		}
	}
}

func TestStateIsNotTheTreesOwnMemory(t *testing.T) {
	tree := grow(t, audit.NewTree(), 7)
	before, state := root(t, tree), tree.State()
	loaded, err := audit.LoadTree(7, state)
	if err != nil {
		t.Fatal(err)
	}
	clear(state)
	if root(t, tree) != before || root(t, loaded) != before {
		t.Error("clearing the bytes of State changed a tree: bbolt's pages are not ours either")
	}
}

func TestLoadTreeRefusesAFrontierOfAnotherSize(t *testing.T) {
	state := grow(t, audit.NewTree(), 7).State() // 4 + 2 + 1: three hashes
	if len(state) != 3*audit.HashSize {
		t.Fatalf("frontier of size 7 has %d bytes, want %d", len(state), 3*audit.HashSize)
	}
	for _, c := range []struct {
		size  uint64
		state []byte
	}{
		{0, state[:32]}, {1, nil}, {7, nil}, {7, state[:64]}, {7, state[:95]}, {7, append(bytes.Clone(state), state[:32]...)},
		{6, state}, {8, state}, {1<<64 - 1, state}, {7, state[1:]},
	} {
		if tree, err := audit.LoadTree(c.size, c.state); err == nil {
			t.Errorf("size %d with %d bytes: accepted, size %d", c.size, len(c.state), tree.Size())
		}
	}
}

// TestNodesAreNotLeaves: without the prefixes, a node's content could be
// offered as an event.
func TestNodesAreNotLeaves(t *testing.T) {
	tree := grow(t, audit.NewTree(), 2)
	left, right := audit.LeafHash(line(0)), audit.LeafHash(line(1))
	if audit.LeafHash(append(left[:], right[:]...)) == root(t, tree) {
		t.Error("the node of two leaves is the leaf of their hashes")
	}
	if audit.LeafHash(nil) == root(t, audit.NewTree()) {
		t.Error("the empty tree is the tree of an empty leaf")
	}
}
