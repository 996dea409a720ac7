package store

import (
	"strings"
	"sync"

	"gorm.io/gorm/schema"
)

// The columns of the tables that are read whole. They are always named: a statement with an asterisk, prepared before a
// newer version in a rolling update adds a column, fails in PostgreSQL after it.
var (
	userColumns      = columnsOf("u", userRow{})
	wholeRoom        = columnsOf("r", roomRow{}) // roomColumns leaves out what only changes need
	fileColumns      = columnsOf("files", fileRow{})
	sessionColumns   = columnsOf("s", sessionRow{})
	departureColumns = columnsOf("departures", departureRow{})
	flowColumns      = columnsOf("auth_flows", authFlowRow{})
)

// columnsOf lists the columns of a row's type, of the table of that name.
func columnsOf(table string, row any) string {
	parsed, err := schema.Parse(row, &sync.Map{}, schema.NamingStrategy{})
	if err != nil {
		panic(err) // the types are known when this is compiled
	}
	names := make([]string, len(parsed.DBNames))
	for i, name := range parsed.DBNames {
		names[i] = table + "." + name
	}
	return strings.Join(names, ", ")
}
