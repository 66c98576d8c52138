#!/bin/sh
# The Summary of test-daemon.sh: one table, or a list of tables, as JSON.

cat <<'JSON'
{
    "Header": "Test Daemon Summary:",
    "Column": [
        { "Name": "SomeColumn", "DisplayName": "Some Column", "Size": 15 },
        { "Name": "AnotherColumn", "DisplayName": "Another Column", "Size": 15 }
    ],
    "Data": [
        { "SomeColumn": "Some Data 1", "AnotherColumn": "Another Data 1" },
        { "SomeColumn": "Some Data 2", "AnotherColumn": "Another Data 2" }
    ],
    "NoDataMessage": ""
}
JSON
