# expect: cannot open the run 'nowhere': No such file or directory
borel summary nowhere
