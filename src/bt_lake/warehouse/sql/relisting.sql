-- Removed files stay for a grace period, the shortest that any log since then names; whoever was
-- held up longer than that starts over.
-- (Older logs may be gone at any time: they are not opened.)
set variable lake_newest = (select max(file) from glob(getvariable('lake_logs')));
set variable lake_since = (
  select list(regexp_replace(file, '([*?\[])', '[\1]', 'g'))
  from glob(getvariable('lake_logs')) where file >= getvariable('lake_log').file
);
set variable lake_checked = (
  select case
    when getvariable('lake_newest') <> getvariable('lake_log').file
      and epoch_ms(get_current_timestamp()) - getvariable('lake_log').opened_ms >= least(
        getvariable('lake_live').grace_ms,
        (select 1000 * min((content ->> 'grace_s')::double)
          from read_text(getvariable('lake_since'))))
    then error('the lake changed while it was being opened: open it again')
  end
);
