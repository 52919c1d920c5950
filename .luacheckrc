std = "lua54"
exclude_files = { "bench/.venv*", "tests/errors" }
max_line_length = 140

-- What the modelling language gives every script.
read_globals = { "borel", "sample", "observe", "factor", "deterministic", "plate", "dist" }
