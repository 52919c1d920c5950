# expect: the script calls borel.infer nowhere and returns no model
echo 'local x = 1' >script.lua
borel check script.lua
