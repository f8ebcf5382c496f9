import { AppGateway, type AppGatewayOptions } from './app-gateway.ts';
import { NotificationService } from './notification-service.ts';

/** Providers for a NestJS module: whoever names `AppGateway` or `NotificationService` in a constructor gets one. */
export const appGatewayProviders = (options: AppGatewayOptions) => [
  { provide: AppGateway, useFactory: () => new AppGateway(options) },
  {
    provide: NotificationService,
    useFactory: (gateway: AppGateway) => new NotificationService(gateway),
    inject: [AppGateway],
  },
];
