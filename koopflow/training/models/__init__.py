"""Networks: `registry` lists their names, `build` makes one, and each family has a module of its
own."""
