-- expect: law-iid-dot.lua:2: iid: call it with a colon
dist.normal(0, 1).iid(3)
