// An audit log, checked by Go's own packages for transparency logs: nothing here is medlock's.
//
//	tlog DIRECTORY VKEY [checkpoint=FILE] [inclusion=FILE] [consistency=FILE,OLD]
//
// Reads the checkpoint, every tile and every entry; with an older checkpoint, that the log has only
// grown; with what `medlock audit prove` printed, that these proofs hold.
package main

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func main() {
	if len(os.Args) < 3 {
		fail("usage: tlog DIRECTORY VKEY [checkpoint=FILE] [inclusion=FILE] [consistency=FILE,OLD]")
	}
	dir := os.Args[1]
	verifier, err := note.NewVerifier(strings.TrimSpace(read(os.Args[2])))
	must(err)
	tree := checkpoint(read(filepath.Join(dir, "checkpoint")), verifier)
	reader := tlog.TileHashReader(tree, &tiles{dir})
	entries(dir, tree, reader)
	for _, arg := range os.Args[3:] {
		what, file, _ := strings.Cut(arg, "=")
		switch what {
		case "checkpoint":
			old := checkpoint(read(file), verifier)
			proof, err := tlog.ProveTree(tree.N, old.N, reader)
			must(err)
			must(tlog.CheckTree(proof, tree.N, tree.Hash, old.N, old.Hash))
		case "inclusion":
			inclusion(read(file), verifier)
		case "consistency":
			proof, old, _ := strings.Cut(file, ",")
			consistency(read(proof), checkpoint(read(old), verifier), verifier)
		default:
			fail("unknown: " + arg)
		}
	}
	fmt.Println(tree.N)
}

// checkpoint opens a signed note and reads its three lines.
func checkpoint(text string, verifier note.Verifier) tlog.Tree {
	opened, err := note.Open([]byte(text), note.VerifierList(verifier))
	must(err)
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[0] != verifier.Name() {
		fail("not a checkpoint of " + verifier.Name())
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	must(err)
	hash, err := tlog.ParseHash(lines[2])
	must(err)
	return tlog.Tree{N: size, Hash: hash}
}

// tiles reads the directory as C2SP tlog-tiles lays it out: Go's paths name the height first.
type tiles struct{ dir string }

func (t *tiles) Height() int                          { return 8 }
func (t *tiles) SaveTiles(tiles []tlog.Tile, data [][]byte) {}
func (t *tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, tile := range wanted {
		path := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
		data, err := os.ReadFile(filepath.Join(t.dir, path))
		if err != nil {
			return nil, err
		}
		all = append(all, data)
	}
	return all, nil
}

// entries checks every entry of every bundle against the tree.
func entries(dir string, tree tlog.Tree, reader tlog.HashReader) {
	for start := int64(0); start < tree.N; start += 256 {
		width := int(min(tree.N-start, 256))
		tile := tlog.Tile{H: 8, L: 0, N: start / 256, W: width}
		path := strings.Replace(tile.Path(), "tile/8/0/", "tile/entries/", 1)
		bundle := []byte(read(filepath.Join(dir, path)))
		for i := start; i < start+int64(width); i++ {
			length := int(binary.BigEndian.Uint16(bundle))
			entry := bundle[2 : 2+length]
			bundle = bundle[2+length:]
			proof, err := tlog.ProveRecord(tree.N, i, reader)
			must(err)
			must(tlog.CheckRecord(proof, tree.N, tree.Hash, i, tlog.RecordHash(entry)))
		}
		if len(bundle) != 0 {
			fail(path + " has bytes after its entries")
		}
	}
}

// inclusion checks a C2SP tlog-proof that carries its entry.
func inclusion(text string, verifier note.Verifier) {
	head, signed, _ := strings.Cut(text, "\n\n")
	tree := checkpoint(signed, verifier)
	lines := strings.Split(head, "\n")
	if lines[0] != "c2sp.org/tlog-proof@v1" {
		fail("not a tlog-proof")
	}
	entry, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(lines[1], "extra "))
	must(err)
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[2], "index "), 10, 64)
	must(err)
	must(tlog.CheckRecord(tlog.RecordProof(hashes(lines[3:])), tree.N, tree.Hash, index, tlog.RecordHash(entry)))
}

// consistency checks what a witness would be sent.
func consistency(text string, old tlog.Tree, verifier note.Verifier) {
	head, signed, _ := strings.Cut(text, "\n\n")
	tree := checkpoint(signed, verifier)
	lines := strings.Split(head, "\n")
	if lines[0] != fmt.Sprintf("old %d", old.N) {
		fail("the proof is about another checkpoint")
	}
	must(tlog.CheckTree(tlog.TreeProof(hashes(lines[1:])), tree.N, tree.Hash, old.N, old.Hash))
}

func hashes(lines []string) []tlog.Hash {
	var all []tlog.Hash
	for _, line := range lines {
		hash, err := tlog.ParseHash(line)
		must(err)
		all = append(all, hash)
	}
	return all
}

func min(a, b int64) int64 {
	if a < b {
		return a
	}
	return b
}

func read(file string) string {
	text, err := os.ReadFile(file)
	must(err)
	return string(text)
}

func must(err error) {
	if err != nil {
		fail(err.Error())
	}
}

func fail(why string) {
	fmt.Fprintln(os.Stderr, "tlog:", why)
	os.Exit(1)
}
