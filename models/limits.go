package models

import "time"

// Limits of the contract. Lengths are in characters (Unicode code points) unless they say bytes.
const (
	MinNameLength         = 2 // of a username or a handle
	MaxUsernameLength     = 32
	MaxHandleLength       = 64
	MinPasswordLength     = 8
	MaxPasswordLength     = 256
	MaxDisplayNameLength  = 64
	MaxDescriptionLength  = 1000 // of a user or a room
	MaxRoomNameLength     = 128
	MaxSubjectLength      = 128
	MaxTextLength         = 8000
	MaxReasonLength       = 500
	MaxSearchLength       = 200 // of what messages are searched for
	MaxClientIDLength     = 64
	MaxEmojiBytes         = 64
	MaxReactionsPerUser   = 20  // on one message
	MaxEmojiPerMessage    = 100 // different ones
	MaxIdempotencyKey     = 128 // visible ASCII
	inviteCodeLength      = 26
	MaxFilesPerMessage    = 10
	MaxFileNameLength     = 255
	MaxMediaTypeLength    = 127  // bytes
	MaxUploadMetadata     = 4096 // bytes of tus's Upload-Metadata
	MaxUserAgentLength    = 256
	MaxBodyBytes          = 1 << 20  // of a request's JSON or MessagePack
	MaxHeadBytes          = 32 << 10 // of a request's line and headers
	MaxAcceptRanges       = 100      // media types that an Accept names
	MaxRanges             = 10       // parts of a file that one Range asks for
	MaxFieldErrors        = 20       // in one response: a megabyte of unknown fields must not cause one of that size
	DefaultPageSize       = 50
	MaxPageSize           = 200
	MaxPageBytes          = 1 << 20 // of the items of one page in JSON, but for a page of one item
	MaxStreamsPerUser     = 20
	MaxSessionsPerUser    = 100
	MaxRoomsPerUser       = 10_000
	MaxContactsPerUser    = 10_000
	MaxBlocksPerUser      = 10_000
	MaxIdentitiesPerUser  = 20
	MaxPinsPerRoom        = 1000
	MaxInvitesPerRoom     = 1000 // that work
	MaxRoomsEnteredAtOpen = 200  // room= parameters of one stream
	MaxPresentAnnounced   = 500  // users present in a room; while there are more, nobody is told who enters or types

	// At one server, and where --rate-limit is on. A network is an IPv4 address, or the /64 of an IPv6 address.
	MaxRequestsPerMinute     = 6000       // of one user, or of one network without a good token
	MaxBytesPerHour          = 50_000_000 // of what one user writes, without files
	MaxNewcomersPerMinute    = 2000       // guests that are created from one network; and as many accounts
	MaxNewcomersPerHour      = 5000       // likewise
	MaxGuestsOfNetwork       = 10_000     // existing guests that were created from one network; at all servers
	MaxWrongPasswords        = 10         // from one network at one account, before there are delays
	MaxWrongPasswordsPerHour = 1000       // from all networks at one account, without those of its own sessions
)

// Lifetimes of the contract.
const (
	AccessTokenLife  = 15 * time.Minute
	RefreshTokenLife = 30 * 24 * time.Hour
	RefreshRepeat    = 30 * time.Second // in which a spent refresh token may come again, if its successor was not used
	IdempotencyLife  = 24 * time.Hour
	AuthFlowLife     = 10 * time.Minute // of a log-in through a provider, from its beginning to the callback
	LoginCodeLife    = 60 * time.Second
	ProofLife        = 10 * time.Minute // of a log-in, for actions that otherwise need the password again
	TypingLife       = 5 * time.Second
	UnattachedLife   = 24 * time.Hour // of a file that no message has
	UploadLife       = 24 * time.Hour // of an upload that gets no bytes
	IdleGuestLife    = 6 * time.Hour  // of a guest who has done nothing and is not online
)
