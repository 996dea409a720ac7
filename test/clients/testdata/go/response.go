package main

import (
	"encoding/json"
	"log"

	"example.com/chat/parley"
)

// response is the common interface of the client's responses.
type response interface {
	StatusCode() int
	GetBody() []byte
}

// must returns the response of a request that succeeded, and ends the program otherwise.
func must[A response](a A, err error) A {
	check(err)
	if p := problemOf(a); p != nil {
		log.Fatalf("%s: %s", p.Code, p.Title)
	}
	return a
}

// problemOf returns the problem that the server returned, for any kind of request; nil if there is none.
func problemOf(a response) *parley.Problem {
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
