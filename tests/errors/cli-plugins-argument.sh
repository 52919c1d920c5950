# expect: unexpected argument 'nuts'; did you mean 'borel plugins info nuts'?
# code: 2
borel plugins nuts
