# expect: option 'engine' is 'gpu', must be one of auto, native, interpreter
borel run "$models/one.lua" --quiet --engine gpu --out run
