# expect: nowhere': No such file or directory
borel resume nowhere
