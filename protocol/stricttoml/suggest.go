package stricttoml

import "slices"

// Nearest returns the known name that is most likely meant by a misspelt one,
// "" if none is near. It sorts known.
func Nearest(name string, known []string) string {
	return NearestWithin(max(1, len(name)/3), name, known)
}

// NearestWithin is Nearest for names of which a few are near each other: at
// most so many steps away.
func NearestWithin(steps int, name string, known []string) string {
	best, bestDistance := "", steps+1
	slices.Sort(known)
	for _, k := range known {
		if d := distance(name, k); d < bestDistance {
			best, bestDistance = k, d
		}
	}
	return best
}

// maxSuggest bounds the quadratic work of distance.
const maxSuggest = 64

// distance is Levenshtein's, in bytes, with the exchange of two neighbours
// counted as one step: that is the commonest slip of a typist.
func distance(a, b string) int {
	if len(a) > maxSuggest || len(b) > maxSuggest {
		return maxSuggest
	}
	var rows [3][maxSuggest + 1]int // rows i-2, i-1, i
	for j := range rows[1] {
		rows[2][j] = j
	}
	for i := 1; i <= len(a); i++ {
		rows[0], rows[1] = rows[1], rows[2]
		rows[2][0] = i
		for j := 1; j <= len(b); j++ {
			same := rows[1][j-1]
			if a[i-1] != b[j-1] {
				same++
			}
			d := min(rows[1][j]+1, rows[2][j-1]+1, same)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d = min(d, rows[0][j-2]+1)
			}
			rows[2][j] = d
		}
	}
	return rows[2][len(b)]
}
