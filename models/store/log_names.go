package store

import (
	"bytes"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gorm.io/gorm"

	"github.com/parley-chat/parley/models"
)

// namedUser is how a user is named in an event's data. Quotes within strings are escaped there, so that nothing which
// somebody wrote looks like it.
var namedUser = regexp.MustCompile(`\{"id":(\d+),"username":"`)

// hideGone takes the names of users who have deleted their account out of the events.
func hideGone(db *gorm.DB, entries []models.LogEntry) error {
	named := map[int64]bool{}
	for _, e := range entries {
		if e.MessageID != 0 || !e.Kept() { // names of messages are read with them, and the others are not told
			continue
		}
		for _, found := range namedUser.FindAllSubmatch(e.Data, -1) {
			if id, err := strconv.ParseInt(string(found[1]), 10, 64); err == nil {
				named[id] = true
			}
		}
	}
	if len(named) == 0 {
		return nil
	}
	var there []int64
	in, ids := numbers(db, slices.Collect(maps.Keys(named)))
	err := db.Raw("SELECT id FROM users WHERE deleted_at = 0 AND id IN "+in, ids).Scan(&there).Error
	if err != nil {
		return err
	}
	for _, id := range there {
		delete(named, id)
	}
	if len(named) == 0 {
		return nil
	}
	for i, e := range entries {
		if e.MessageID != 0 || !e.Kept() {
			continue
		}
		if entries[i].Data, err = withoutNames(e.Data, named); err != nil {
			return err
		}
	}
	return nil
}

// withoutNames is data with other names for users who are gone.
func withoutNames(data []byte, gone map[int64]bool) ([]byte, error) {
	var b []byte
	plain := 0 // where what stays begins
	for _, at := range namedUser.FindAllSubmatchIndex(data, -1) {
		var user models.UserRef
		decoder := json.NewDecoder(bytes.NewReader(data[at[0]:]))
		if err := decoder.Decode(&user); err != nil {
			return nil, err
		}
		if !gone[user.ID] {
			continue
		}
		other, err := json.Marshal(goneRef(user.ID))
		if err != nil {
			return nil, err
		}
		b = append(append(b, data[plain:at[0]]...), other...)
		plain = at[0] + int(decoder.InputOffset())
	}
	if plain == 0 {
		return data, nil
	}
	return append(b, data[plain:]...), nil
}

// goneRef is what a user is called who has deleted their account.
func goneRef(id int64) models.UserRef {
	return models.UserRef{ID: id, Username: strings.Trim(goneUsername, "'"), DisplayName: strings.Trim(goneDisplayName, "'")}
}
