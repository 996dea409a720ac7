package main

import (
	"encoding/json"
	"log"

	"example.com/chat/parley"
)

// answer is what all of the client's answers have.
type answer interface {
	StatusCode() int
	GetBody() []byte
}

// answered wants an answer that is no problem.
func answered[A answer](a A, err error) A {
	check(err)
	if p := problemOf(a); p != nil {
		log.Fatalf("%s: %s", p.Code, p.Title)
	}
	return a
}

// problemOf is the problem that the server answered, whatever the request; nil for none.
func problemOf(a answer) *parley.Problem {
	if a.StatusCode() < 400 {
		return nil
	}
	var p parley.Problem
	check(json.Unmarshal(a.GetBody(), &p))
	return &p
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func ptr[T any](v T) *T { return &v }
