# expect: there is no component 'nutz'; did you mean 'nuts'?
borel plugins info nutz
