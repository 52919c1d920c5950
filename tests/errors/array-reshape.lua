-- expect: array-reshape.lua:2: reshape: [6] has not as many elements as [4, 2]
borel.zeros(6):reshape { 4, 2 }
