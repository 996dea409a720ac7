package store

import (
	"fmt"

	"gorm.io/gorm"

	"github.com/parley-chat/parley/models"
)

// lockFiles locks and reads the files that sends name; a group without any pays nothing.
func (c *change) lockFiles(sends []*send) (map[string]*fileRow, error) {
	var ids []string
	for _, p := range sends {
		ids = append(ids, p.n.FileIDs...)
	}
	if len(ids) == 0 {
		return nil, nil
	}
	var rows []*fileRow
	err := c.Raw("SELECT "+fileColumns+" FROM files WHERE id IN ? ORDER BY id"+c.store.dialect.forUpdate(), ids).Scan(&rows).Error
	files := make(map[string]*fileRow, len(rows))
	for _, r := range rows {
		files[r.ID] = r
	}
	return files, err
}

// attachable checks the files that a message names: the sender's own, of this room, and no other message's.
func (p *send) attachable(files map[string]*fileRow) error {
	named := map[string]bool{}
	for i, id := range p.n.FileIDs {
		field := fmt.Sprintf("file_ids[%d]", i)
		f := files[id]
		switch {
		case f == nil, f.RoomID != p.roomID, f.UserID != p.callerID:
			return models.Invalid(field, "you have no file %q in this room", id)
		case f.MessageID != 0, named[id]:
			return models.Invalid(field, "the file %q belongs to a message already", id)
		case p.n.Type == models.MessageImage && f.Width == 0:
			return models.Errorf(models.CodeBadFile, "The file %q is no picture that can be read.", id)
		}
		named[id] = true
	}
	return nil
}

// attach gives the message its files.
func (c *change) attach(m *models.Message, ids []string, files map[string]*fileRow) error {
	for place, id := range ids {
		f := files[id]
		f.MessageID = m.ID
		err := c.Exec("UPDATE files SET message_id = ?, place = ? WHERE id = ?", m.ID, place, id).Error
		if err != nil {
			return err
		}
		m.Files = append(m.Files, f.model())
	}
	return nil
}

// addFilesTo fills in the files of messages, of whatever rooms, in one query.
func addFilesTo(db *gorm.DB, messages []*models.Message) error {
	named := messagesNamed(messages)
	if len(named) == 0 {
		return nil
	}
	table, args := named.table(db)
	var rows []fileRow
	err := db.Raw("SELECT "+fileColumns+" FROM "+table+` CROSS JOIN files
		WHERE files.room_id = v.room_id AND files.message_id = v.id ORDER BY files.room_id, files.message_id, files.place`,
		args...).Scan(&rows).Error
	for _, r := range rows {
		for _, m := range named[messageName{r.RoomID, r.MessageID}] {
			m.Files = append(m.Files, r.model())
		}
	}
	return err
}
