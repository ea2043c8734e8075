// SPDX-License-Identifier: MIT
//
// Opening a lease, attaching to one: off the loop, then entered in the environment.
// Called by: lease_functions. Calls: os/lease, lease_entry.

#ifndef VMBUS_BINDING_LEASE_WORK_H_
#define VMBUS_BINDING_LEASE_WORK_H_

#include <array>
#include <cstdint>
#include <vector>

#include "../os/open_plan.h"
#include "js_call.h"

namespace vmbus::binding {

class EnvState;

// Both call `done(errno, stage, lease)` later.
void StartOpen(EnvState& state, os::OpenPlan plan, JsCallback on_event, JsCallback done);
void StartAttach(EnvState& state, uint64_t token, JsCallback on_event, JsCallback done);

// Calls `done` in a later turn of the loop: what has an answer at once still answers like the rest.
void AnswerLater(EnvState& state, JsCallback done, std::array<double, 3> numbers);

}  // namespace vmbus::binding

#endif  // VMBUS_BINDING_LEASE_WORK_H_
