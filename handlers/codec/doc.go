// Package codec reads bodies and writes responses: JSON and MessagePack, the negotiation of media types, and the media
// types of files.
package codec
