-- The rules of this cell, in order. A rule is one file that fills its module with any of
--   begin()                    a batch begins: forget the last one
--   admit(op, account, target) -> nil, or a REASON (and the ms after which to try again)
--   charge(lease, account)     the lease begins
--   settle(lease, account, op) the lease ends; `op` reports how
--   commit()                   writes what it has changed
-- admit only looks; charge and settle only write to the view, and cannot fail. So a refused
-- operation writes nothing.
local begins, admits, charges, settles, commits = {}, {}, {}, {}, {}

function rules.add(rule)
  begins[#begins + 1] = rule.begin
  admits[#admits + 1] = rule.admit
  charges[#charges + 1] = rule.charge
  settles[#settles + 1] = rule.settle
  commits[#commits + 1] = rule.commit
end

function rules.begin()
  for i = 1, #begins do
    begins[i]()
  end
end

function rules.admit(op, account, target)
  for i = 1, #admits do
    local reason, retry_after_ms = admits[i](op, account, target)
    if reason then
      return reason, retry_after_ms
    end
  end
end

function rules.charge(lease, account)
  for i = 1, #charges do
    charges[i](lease, account)
  end
end

function rules.settle(lease, account, op)
  for i = 1, #settles do
    settles[i](lease, account, op)
  end
end

function rules.commit()
  for i = 1, #commits do
    commits[i]()
  end
end
