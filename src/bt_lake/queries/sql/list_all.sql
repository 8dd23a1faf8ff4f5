select {{columns}} from runs where {{condition}} order by {{order}}
