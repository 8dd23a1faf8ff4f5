-- The trials of each group, deleted and failed ones too, and what its best live run's Sharpe ratio
-- is worth beside the luck of so many; as in the macro `deflated`, a step a level.
with
  members as (
    select
      {{expressions}}, sharpe_period, sharpe_ratio, n_returns, skew, kurtosis,
      case when periods_per_year > 0 then periods_per_year end as a_year,
      status <> 'failed' and deleted_at is null as live
    from trials where {{condition}}
  ),
  usual as (
    select {{labels}}, coalesce(quantile_cont(a_year, 0.5), 1) as usual from members
    group by {{labels}}
  ),
  ratios as (
    select members.*, sqrt(coalesce(a_year, usual)) as year,
      coalesce(sharpe_period * sqrt(coalesce(a_year, usual)), sharpe_ratio) as ratio
    from members join usual on {{same}}
  ),
  families as (
    select
      {{labels}}, count(*) as trials, stddev_samp(ratio) as deviation,
      arg_max(
        {ratio: ratio / year, year: year, n: n_returns, skew: skew, kurtosis: kurtosis}, ratio
      ) filter (live) as best
    from ratios group by {{labels}}
  ),
  beside as (
    select
      {{labels}}, trials, unnest(best),
      case when deviation / best.year > 1e-12 then deviation * lake_expected_max(trials) end as luck
    from families
  ),
  factors as (
    select *, 1 - skew * ratio + (kurtosis - 1) / 4 * ratio * ratio as factor from beside
  ),
  scores as (
    select
      *,
      case
        when n >= 12 and factor > 0 then (ratio - luck / year) * sqrt((n - 1) / factor)
      end as score
    from factors
  )
select {{labels}}, trials, luck as expected_max_sharpe, lake_normal_cdf(score) as dsr from scores
