package main

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// keyOf names key number i: 11 bytes, as bench/workload/keys.ts does.
func keyOf(i int) string { return fmt.Sprintf("key%08d", i) }

// values are slices of one random block: bytes that no store can compress.
type values struct {
	block []byte
	bytes int
}

const valueVariants = 4096

func newValues(bytes int, seed uint64) *values {
	random := rand.New(rand.NewPCG(seed, 1))
	block := make([]byte, bytes+valueVariants)
	for i := range block {
		block[i] = byte(random.Uint32())
	}
	return &values{block: block, bytes: bytes}
}

func (v *values) at(i int) []byte {
	from := i % valueVariants
	return v.block[from : from+v.bytes]
}

// distribution picks keys: all alike, or zipfian as YCSB does it, the popular keys spread over the whole range.
type distribution struct {
	keys              int
	zipfian           bool
	zeta, eta, second float64
}

const theta = 0.99

func newDistribution(run Run) *distribution {
	d := &distribution{keys: run.Keys, zipfian: run.Zipfian}
	if !run.Zipfian {
		return d
	}
	for i := 1; i <= d.keys; i++ {
		d.zeta += 1 / math.Pow(float64(i), theta)
	}
	d.second = 1 + math.Pow(0.5, theta)
	d.eta = (1 - math.Pow(2/float64(d.keys), 1-theta)) / (1 - d.second/d.zeta)
	return d
}

func (d *distribution) next(random *rand.Rand) int {
	if !d.zipfian {
		return random.IntN(d.keys)
	}
	return scatter(d.rank(random.Float64()), d.keys)
}

// rank of the key to take, 0 the most popular (Gray et al., "Quickly generating billion-record synthetic databases").
func (d *distribution) rank(u float64) int {
	uz := u * d.zeta
	if uz < 1 {
		return 0
	}
	if uz < d.second {
		return 1
	}
	rank := int(float64(d.keys) * math.Pow(d.eta*u-d.eta+1, 1/(1-theta)))
	return min(rank, d.keys-1)
}

// scatter is a permutation: a prime that divides no usual number of keys.
func scatter(rank, keys int) int { return int((uint64(rank)*2_654_435_761 + 12_345) % uint64(keys)) }
