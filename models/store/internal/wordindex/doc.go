// Package wordindex decides by which words a message is found.
//
// Text is normalized and cut into words here, and nowhere else: the two databases would each do it by rules of their
// own, and give different results for the same search. The dialects store the words and look them up.
//
// The rules have a [Version], which each message carries. A change of the rules counts it up, in a migration also that
// of the index messages_to_reindex, and sees to it that messages that are not reindexed yet are still found
// (legacy.go).
package wordindex

// Version is the version of the rules by which messages are normalized and cut into words: an SQL literal.
const Version = "1"
