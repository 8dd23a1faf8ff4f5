  -- What a trial is. A configuration is what was tried: strategy, symbol, timeframe, exit rule and
  -- parameters. A run that repeats one (the same figures, fewer of them, or none because it failed)
  -- is no trial of its own; folds of one configuration are one trial; where a family has
  -- out-of-sample runs those alone are judged; runs that failed with the same error (but for its
  -- numbers) before they gave a number say nothing of their configurations.
  lake_asked as materialized (
    select
      {{label}} as label, run_id, tried.symbol as market, tried.fold as slice,
      tried."sample" as side, start_at, end_at, params_hash is not null as known,
      tried.timeframe as bar,
      hash({{label}}, {{configuration}}) as anybar,
      status = 'failed' as failed, deleted_at is not null as deleted,
      status = 'failed' or deleted_at is not null as dead,
      n_returns, sharpe_period, sharpe_ratio, skew, kurtosis, volatility,
      case when metrics_from = 'curve' then bars end as points,
      case when periods_per_year > 0 then periods_per_year end as a_year,
      case
        when coalesce(sharpe_period, sharpe_ratio) is not null
        then 2 + (sharpe_period is not null and n_returns is not null)::int
        when status = 'failed' then 0 else 1
      end as told,
      hash(
        round(sharpe_period, 9), round(sharpe_ratio, 9), n_returns, round(total_return, 9),
        case
          when params_hash is null
            and coalesce(sharpe_period, sharpe_ratio, total_return, final_equity) is null
          then run_id else error
        end
      ) as figures,
      case
        when status = 'failed' and coalesce(sharpe_period, sharpe_ratio) is null
        then regexp_replace(
          case
            when starts_with(ltrim(error), 'Traceback ')
            then regexp_extract(rtrim(error), '[^\n]*$')
            else regexp_extract(ltrim(error), '^[^\n]*')
          end,
          '[0-9]+', '#', 'g')
      end as failure
    from {{source}} as tried
  ),
  -- A run without a curve may not say its timeframe: that of the others, if it is one.
  lake_bars as (
    select
      anybar, count(*) > 1 as several, case when min(bar) = max(bar) then min(bar) end as usual_bar
    from lake_asked group by anybar
  ),
  lake_named as (
    select *, hash(config, slice, side) as cell
    from (
      select lake_asked.*, several, hash(anybar, coalesce(bar, usual_bar)) as config
      from lake_asked join lake_bars using (anybar)
    )
  ),
  -- Most configurations were tried once: only the others need to be sorted.
  lake_first as (
    select *, run_id as original from lake_named where not several
    union all by name
    select
      * exclude (most, most_here),
      case
        when told = 0 and most > 1 and known then null
        when told < most_here and known
        then first_value(run_id) over (partition by cell order by told desc, dead, run_id)
        else first_value(run_id) over (partition by cell, told, figures order by dead, run_id)
      end as original
    from (
      select
        *,
        max(told) over (partition by config) as most,
        max(told) over (partition by cell) as most_here
      from lake_named where several
    )
  ),
  lake_outside as (
    select distinct hash(label) as outside from lake_asked where side = 'out' and told > 1
  ),
  lake_alike as (
    select hash(label, failure) as alike from lake_first where failure is not null
    group by alike having count(*) filter (run_id = original) > 1
  ),
  lake_roles as materialized (
    select
      *,
      case
        when outside is not null then 'in sample'
        when alike is not null then 'failed alike'
        when original is null or run_id <> original then 'repeat'
        when slice is not null then 'fold'
        else 'trial'
      end as part
    from lake_first
    left join lake_outside on case when side = 'in' then hash(label) end = outside
    left join lake_alike on case when failure is not null then hash(label, failure) end = alike
  ),
  lake_pieces as (
    select
      *,
      case
        when not known and count(*) over (partition by cell) > 1 then hash(run_id)
        else hash(config, side, row_number() over (partition by cell order by run_id))
      end as trial
    from lake_roles where part = 'fold'
  ),
  -- Folds that overlap cannot be stitched: the longest stands for them, of equals the last.
  lake_overlaps as (
    select
      *,
      start_at < max(end_at) over (
        partition by trial order by start_at, run_id rows between unbounded preceding and 1 preceding
      ) as meets
    from lake_pieces
  ),
  lake_stitched as materialized (
    select
      *,
      case
        when bool_or(meets) over (partition by trial)
        then row_number() over (partition by trial order by n_returns desc nulls last, end_at desc, run_id desc) = 1
        else true
      end as used
    from lake_overlaps
  ),
  -- Moments of stitched returns from those of their pieces; sums about the common mean.
  lake_moments as (
    select
      *,
      case when used then n_returns end as n,
      sharpe_period * volatility / sqrt(a_year) as mean,
      volatility * volatility / a_year * (n_returns - 1) / n_returns as c2
    from lake_stitched
  ),
  lake_centred as (
    select *, mean - sum(n * mean) over w / sum(n) over w as d
    from lake_moments window w as (partition by trial)
  ),
  lake_walked as (
    select
      any_value(label) as label, trial, count(*) as pieces,
      arg_min(run_id, (start_at, run_id)) as run_id,
      list(run_id order by start_at, run_id) filter (used) as run_ids,
      any_value(market) as market,
      bool_and(failed) as failed, bool_and(deleted) as deleted,
      bool_or(not dead) as live,
      sum(n) as n_returns,
      any_value(part) as part,
      case when count(*) filter (used) = 1 then any_value(a_year) filter (used)
        else sum(n * a_year) / sum(n) end as a_year,
      case when count(*) filter (used) = 1 then any_value(sharpe_period) filter (used)
        when count(*) filter (used and told > 1) = count(d) filter (used)
        then sum(n * mean) / sum(n) / sqrt(nullif(sum(n * (c2 + d * d)), 0) / (sum(n) - 1)) end as sharpe_period,
      case when count(*) filter (used) = 1 then any_value(sharpe_ratio) filter (used)
        else avg(sharpe_ratio) filter (used) end as sharpe_ratio,
      case when count(*) filter (used) = 1 then any_value(skew) filter (used)
        else sum(n * (skew * c2 ** 1.5 + 3 * d * c2 + d ** 3)) / sum(n)
          / nullif(sum(n * (c2 + d * d)) / sum(n), 0) ** 1.5 end as skew,
      case when count(*) filter (used) = 1 then any_value(kurtosis) filter (used)
        else sum(n * (kurtosis * c2 * c2 + 4 * d * skew * c2 ** 1.5 + 6 * d * d * c2 + d ** 4)) / sum(n)
          / nullif(sum(n * (c2 + d * d)) / sum(n), 0) ** 2 end as kurtosis,
      min(start_at) filter (used) as start_at, max(end_at) filter (used) as end_at,
    from lake_centred
    group by trial
  ),
  lake_trials as materialized (
    select
      label, hash(run_id) as trial, 1 as pieces, run_id, [run_id] as run_ids, market, failed,
      deleted, not dead as live, n_returns, part, a_year, sharpe_period, sharpe_ratio, skew,
      kurtosis, start_at, end_at
    from lake_roles where part = 'trial'
    union all by name
    from lake_walked
  ),
  lake_annual as materialized (
    select
      lake_trials.*, sqrt(coalesce(a_year, usual)) as year,
      coalesce(sharpe_period, sharpe_ratio / sqrt(coalesce(a_year, usual))) as sharpe,
      coalesce(sharpe_period * sqrt(coalesce(a_year, usual)), sharpe_ratio) as ratio
    from lake_trials join (
      select label, coalesce(quantile_cont(a_year, 0.5), 1.0) as usual from lake_trials
      group by label
    ) as years on lake_trials.label is not distinct from years.label
  ),
  -- The spread of annual Sharpe ratios within symbols: what markets gave is no luck of a search.
  -- Over all where most symbols have a single trial.
  lake_spread as (
    select
      label,
      case
        when sum(n) >= 2 * count(*) then sqrt(sum(squares) / (sum(n) - count(*)))
        else any_value(plain)
      end as deviation
    from (
      select label, market, count(ratio) as n, var_pop(ratio) * count(ratio) as squares
      from lake_annual where ratio is not null group by label, market
    ) join (
      select label as same, stddev_samp(ratio) as plain from lake_annual group by label
    ) on label is not distinct from same
    group by label
  ),
  lake_counts as (
    select
      label, count(*) as runs, coalesce(sum(points), 0)::bigint as points,
      count(*) filter (part = 'repeat') as repeats,
      count(*) filter (part = 'fold') as folds,
      count(*) filter (part = 'in sample') as in_sample,
      count(*) filter (part = 'failed alike') as failed_alike
    from lake_roles group by label
  ),
  lake_members as (
    select run_id, label, part, deleted, run_id as trial from lake_roles where part = 'trial'
    union all
    select member.run_id, member.label, member.part, member.deleted, t.run_id
    from lake_roles as member
    left join lake_stitched as piece on piece.run_id = member.original
    left join lake_trials as t on t.trial = coalesce(piece.trial, hash(member.original))
    where member.part <> 'trial'
  )
