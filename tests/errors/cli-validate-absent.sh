# expect: ./nowhere.so: No such file or directory
borel validate ./nowhere.so
