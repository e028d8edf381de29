export * from '../../gen/manam/v1/auth_service_pb.js';
export * from '../../gen/manam/v1/error_reason_pb.js';
export * from '../../gen/manam/v1/passkey_service_pb.js';
export * from '../../gen/manam/v1/profile_service_pb.js';
export * from '../../gen/manam/v1/recovery_service_pb.js';
export * from '../../gen/manam/v1/session_pb.js';
export * from '../../gen/manam/v1/two_factor_service_pb.js';
export * from '../../gen/manam/v1/user_pb.js';
