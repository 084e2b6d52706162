"""Files on disk: atomic writes, tables, arrays, checksums, and the columns of every table."""
