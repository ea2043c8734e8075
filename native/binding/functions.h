// SPDX-License-Identifier: MIT
//
// The addon's functions, by the part of the surface they serve. Each registers what
// lib/native/binding.ts names. Called by: addon.cc.

#ifndef VMBUS_BINDING_FUNCTIONS_H_
#define VMBUS_BINDING_FUNCTIONS_H_

namespace vmbus::binding {

class Exports;

void AddLeaseFunctions(Exports& exports);
void AddChannelFunctions(Exports& exports);
void AddServeFunctions(Exports& exports);
void AddFrameFunctions(Exports& exports);
void AddGuestMemoryFunctions(Exports& exports);
void AddClockFunctions(Exports& exports);
void AddDmaFunctions(Exports& exports);
void AddFaultFunctions(Exports& exports);
void AddFileLockFunctions(Exports& exports);
void AddInboxFunctions(Exports& exports);
void AddServiceFunctions(Exports& exports);
void AddSystemFunctions(Exports& exports);
void AddTapFunctions(Exports& exports);

}  // namespace vmbus::binding

#endif  // VMBUS_BINDING_FUNCTIONS_H_
