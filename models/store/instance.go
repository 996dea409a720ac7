package store

import (
	"context"
	"crypto/rand"
	"slices"
	"strings"

	"gorm.io/gorm"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/models/store/internal/database"
)

type instanceRow struct {
	Epoch, TokenSecret, Origin string
}

// identify reads, or creates at the first start, the epoch and the token secret. A database whose origin is not that of
// the last start was restored or moved: positions after the backup will be given out again, so old cursors must not be
// accepted any more.
func (s *Store) identify(ctx context.Context) error {
	origins, err := s.dialect.Origins(ctx, s.writer)
	if err != nil {
		return err
	}
	origin := origins[0]
	err = s.writer.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		err := database.Exec(tx, `INSERT INTO instance (id, epoch, token_secret, origin, created_at) VALUES (1, ?, ?, ?, ?)
			ON CONFLICT (id) DO NOTHING`, newEpoch(), rand.Text()+rand.Text(), origin, models.Now().Millis())
		if err != nil {
			return err
		}
		var row instanceRow
		err = database.Scan(tx, &row,
			"SELECT epoch, token_secret, origin FROM instance WHERE id = 1"+s.dialect.ForUpdate())
		if err != nil {
			return err
		}
		if !slices.Contains(origins, row.Origin) {
			s.log.Warn("the database was restored or moved: clients that reconnect reload everything", "origin", origin)
			row.Epoch = newEpoch()
			err = database.Exec(tx, "UPDATE instance SET epoch = ?, origin = ? WHERE id = 1", row.Epoch, origin)
		}
		s.epoch, s.tokenSecret = row.Epoch, row.TokenSecret
		return err
	})
	if err != nil {
		return err
	}
	return s.dialect.LeaveMark(ctx, s.writer)
}

func newEpoch() string { return strings.ToLower(rand.Text()[:10]) }

// TokenSecret is the secret that was created at the database's first start, the same for every node.
func (s *Store) TokenSecret() string { return s.tokenSecret }

// Epoch is the first part of every event id of this database.
func (s *Store) Epoch() string { return s.epoch }
