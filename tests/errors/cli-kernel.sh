# expect: there is no kernel named "nutz"; did you mean nuts?
borel run "$models/one.lua" --quiet --kernel nutz --out run
